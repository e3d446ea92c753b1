package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.pytorch.serve.util.codec.ModelRequestEncoder;
import org.pytorch.serve.util.codec.ModelResponseDecoder;
import org.pytorch.serve.util.messages.BaseModelRequest;
import org.pytorch.serve.util.messages.InputParameter;
import org.pytorch.serve.util.messages.ModelInferenceRequest;
import org.pytorch.serve.util.messages.ModelWorkerResponse;
import org.pytorch.serve.util.messages.RequestInput;

/**
 * Decodes a worker's messages (handler/batch_io.py has their format), and passes them to the Worker
 * whose batches are written.
 *
 * <p>TorchServe's decoder reads a message again from its first byte, and raises an exception, each
 * time that another part of it arrives. Here it reads each message once, in a buffer that has grown
 * once.
 */
public final class WorkerDecoder extends ModelResponseDecoder {
    /** How often a large message is tried again for which there is no room in the heap. */
    private static final int AGAIN_MILLIS = 1;

    /** What a message has beside the largest response. */
    private static final int HEAD_BYTES = 1 << 20;

    private final int limit;
    private Worker worker;

    /** How many bytes the message has at least. */
    private int size;

    public WorkerDecoder(int maxBufferSize) {
        super(maxBufferSize);
        limit = maxBufferSize + HEAD_BYTES;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        ctx.channel()
                .config()
                .setRecvByteBufAllocator(new AdaptiveRecvByteBufAllocator(64, 2048, 256 << 10));
        ctx.pipeline().addAfter(ctx.name(), null, new Encoder());
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        if (in.readableBytes() < size) {
            return;
        }
        size = size(in);
        int missing = size - in.readableBytes();
        if (missing > 0 && size > 0 && size <= limit) {
            in.ensureWritable(missing);
            return;
        }
        if (worker != null && !worker.admits(size)) {
            ctx.executor().schedule(() -> decodeAgain(ctx), AGAIN_MILLIS, TimeUnit.MILLISECONDS);
            return;
        }
        size = 0;
        int before = out.size();
        super.decode(ctx, in, out);
        if (worker != null
                && out.size() > before
                && worker.received((ModelWorkerResponse) out.get(before))) {
            out.remove(before);
        }
    }

    private void decodeAgain(ChannelHandlerContext ctx) {
        try {
            channelRead(ctx, Unpooled.EMPTY_BUFFER);
        } catch (Exception error) {
            ctx.fireExceptionCaught(error);
        }
    }

    /** Return how many bytes the message has, as far as its lengths have arrived. */
    private static int size(ByteBuf in) {
        int end = in.writerIndex();
        int at = string(in, in.readerIndex() + 4);
        while (at + 4 <= end && in.getInt(at) >= 0) {
            at = string(in, string(in, at)); // id, content type
            at = string(in, at + 4); // status, phrase
            int headers = at + 4 <= end ? in.getInt(at) : 0;
            at += 4;
            for (int i = 0; i < 2 * headers && at <= end; i++) {
                at = string(in, at);
            }
            at = string(in, at); // body
        }
        return at + 4 - in.readerIndex();
    }

    /** Return where the string ends whose length is at this place. */
    private static int string(ByteBuf in, int at) {
        return at + 4 + (at + 4 <= in.writerIndex() ? in.getInt(at) : 0);
    }

    /** Writes batches once, into a buffer that need not grow. */
    private final class Encoder extends ModelRequestEncoder {
        Encoder() {
            super(true);
        }

        @Override
        public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise)
                throws Exception {
            if (message instanceof Worker.Batch) {
                Worker.Batch batch = (Worker.Batch) message;
                if (batch.written) {
                    // The worker's thread has taken it over.
                    promise.setSuccess();
                    return;
                }
                batch.written = true;
                worker = batch.worker;
                worker.writing(ctx.channel(), batch);
            }
            super.write(ctx, message, promise);
        }

        @Override
        protected ByteBuf allocateBuffer(
                ChannelHandlerContext ctx, BaseModelRequest message, boolean preferDirect) {
            int bytes = 256;
            if (message instanceof ModelInferenceRequest) {
                for (RequestInput request : ((ModelInferenceRequest) message).getRequestBatch()) {
                    bytes += 256;
                    for (InputParameter input : request.getParameters()) {
                        bytes += input.getValue().length;
                    }
                }
            }
            return ctx.alloc().ioBuffer(bytes);
        }
    }
}
