package doubleit;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Passes on the requests of a connection one at a time, each after the response to the one before.
 *
 * <p>TorchServe expects that. It sends the responses to pipelined requests in any order, and can
 * give one of them no id; then the batch that contains it never reaches a worker.
 */
final class InTurn extends ChannelDuplexHandler {
    /** Java objects of a message, without its headers. */
    private static final int MESSAGE_BYTES = 512;

    private final Undecoded undecoded;

    /** Parts of later requests. While there are any, nothing is read from the connection. */
    private final Queue<Object> waiting = new ArrayDeque<>();

    /** What the waiting parts take at most, with the buffer that they were read into. */
    private long bytes;

    /** Whether a request was passed on and its response is not complete. */
    private boolean unanswered;

    /** Whether waiting parts are being passed on. */
    private boolean passing;

    /** Whether no further request is passed on. */
    private boolean closing;

    InTurn(Undecoded undecoded) {
        this.undecoded = undecoded;
    }

    long bytes() {
        return bytes;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        undecoded.bytes = 0;
        if (closing) {
            ReferenceCountUtil.release(message);
        } else if (waiting.isEmpty() && !mustWait(ctx, message)) {
            pass(ctx, message);
        } else {
            hold(ctx, message);
        }
    }

    /** A request waits for the response to the one before, and until the client reads responses. */
    private boolean mustWait(ChannelHandlerContext ctx, Object message) {
        return message instanceof HttpRequest && (unanswered || !ctx.channel().isWritable());
    }

    private void pass(ChannelHandlerContext ctx, Object message) {
        unanswered |= message instanceof HttpRequest;
        ctx.fireChannelRead(message);
    }

    private void hold(ChannelHandlerContext ctx, Object message) {
        if (waiting.isEmpty()) {
            ctx.channel().config().setAutoRead(false);
            // Headers are in the buffer and, decoded, in Java's heap.
            bytes = 2L * undecoded.capacity;
        }
        bytes += MESSAGE_BYTES;
        if (message instanceof HttpMessage) {
            bytes += (long) ((HttpMessage) message).headers().size() * BoundedAggregator.HEADER_BYTES;
        }
        waiting.add(message);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        boolean interim = false;
        if (message instanceof HttpResponse) {
            HttpResponse response = (HttpResponse) message;
            interim = response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
            closing |= !interim && !HttpUtil.isKeepAlive(response);
        }
        boolean complete = !interim && message instanceof LastHttpContent;
        ctx.write(message, promise);
        if (complete) {
            unanswered = false;
            if (closing) {
                discard();
            }
            resume(ctx);
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        ctx.fireChannelWritabilityChanged();
        resume(ctx);
    }

    private void resume(ChannelHandlerContext ctx) {
        if (waiting.isEmpty() || passing) {
            return;
        }
        passing = true;
        while (!waiting.isEmpty() && !mustWait(ctx, waiting.peek())) {
            pass(ctx, waiting.remove());
        }
        passing = false;
        if (waiting.isEmpty()) {
            bytes = 0;
            ctx.fireChannelReadComplete();
            ctx.channel().config().setAutoRead(true);
        }
    }

    /** Forget the waiting parts, and those that follow. */
    void discard() {
        closing = true;
        bytes = 0;
        waiting.forEach(ReferenceCountUtil::release);
        waiting.clear();
    }
}
