package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.util.List;
import org.pytorch.serve.util.codec.ModelResponseDecoder;
import org.pytorch.serve.util.messages.ModelWorkerResponse;

/** Decodes a worker's responses, and passes them to the Worker whose batches are written. */
public final class WorkerDecoder extends ModelResponseDecoder {
    private Worker worker;

    public WorkerDecoder(int maxBufferSize) {
        super(maxBufferSize);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        ctx.pipeline().addAfter(ctx.name(), null, new Writer());
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
        int before = out.size();
        super.decode(ctx, in, out);
        if (worker != null
                && out.size() > before
                && worker.received((ModelWorkerResponse) out.get(before))) {
            out.remove(before);
        }
    }

    private final class Writer extends ChannelOutboundHandlerAdapter {
        @Override
        public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
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
            ctx.write(message, promise);
        }
    }
}
