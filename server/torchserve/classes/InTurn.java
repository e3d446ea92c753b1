package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ByteProcessor;
import io.netty.util.CharsetUtil;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.TimeUnit;

/**
 * Passes on the requests of a connection one at a time: each after the response to the one before,
 * and when the budget has the memory for its body.
 *
 * <p>TorchServe sends the responses to pipelined requests in any order, and can give one of them no
 * id; then the batch that contains it never reaches a worker.
 *
 * <p>A request holds its body's bytes until the response has been sent. A body of less than
 * EXEMPT_BYTES takes no claim, nor does a response of which less is unread than the channel's high
 * water mark.
 */
final class InTurn extends ChannelDuplexHandler {
    private static final long BODIES_BYTES = Long.getLong("doubleit.bodies", Long.MAX_VALUE / 4);
    private static final long SMALL_SHARE = Long.getLong("doubleit.small", Long.MAX_VALUE / 2);

    /**
     * Bodies of all connections: while they arrive, in Java, and as responses. Unread responses may
     * take twice the limit in addition.
     */
    static final Budget BODIES = new Budget(BODIES_BYTES, 3 * BODIES_BYTES);

    /** Complete bodies of less than SMALL_BYTES, which do not wait for larger ones. */
    private static final Budget SMALL = new Budget(SMALL_SHARE, 2 * SMALL_SHARE);

    /**
     * What has arrived of incomplete requests without a claim, and of those that wait. Nobody waits
     * for it: those that have been silent for the longest time are closed.
     */
    private static final Budget UNFINISHED = new Budget(SMALL_SHARE, SMALL_SHARE);

    /** The queue and the workers count requests from this size on, too (Jobs). */
    private static final int SMALL_BYTES = Jobs.LARGE_BYTES;

    private static final int EXEMPT_BYTES = 4 << 10;

    /** A compressed body claims this many times its length. Lists of numbers unpack to 2 to 10 times. */
    private static final int UNPACKED_RATIO = 16;

    /** Java objects of a header, and of a message without its headers. */
    private static final int HEADER_BYTES = 128;

    private static final int MESSAGE_BYTES = 512;

    /** More header lines are refused: each takes HEADER_BYTES even if it is a few bytes long. */
    private static final int MOST_HEADERS = 128;

    private static final String TOO_MANY_HEADERS =
            "A request may have at most " + MOST_HEADERS + " header lines";

    /** A response is written in pieces, so that its memory becomes free as the client reads it. */
    private static final int PIECE_BYTES = 256 << 10;

    static final String BUSY =
            "There is no memory for this request now: others have taken all of it for too long."
                    + " Send it again later";
    private static final String STALLED =
            "Nothing arrived for too long while other requests waited for memory";

    final Undecoded undecoded = new Undecoded();
    private final Budget.Share unfinished = new Budget.Share(UNFINISHED, this);
    private final Budget.Share small = new Budget.Share(SMALL, this);
    private final Budget.Share body = new Budget.Share(BODIES, this);
    private final int maximum;
    private ChannelHandlerContext ctx;

    /** Parts that may not be passed on yet. While there are any, nothing is read. */
    private final Queue<Object> waiting = new ArrayDeque<>();

    /** What waiting parts of later requests take, with the buffer that they were read into. */
    private long parkedBytes;

    /** Whether a request was passed on and its response is not complete. */
    private boolean unanswered;

    /** Whether a request was passed on and its body is not complete. */
    private boolean arriving;

    /** Whether waiting parts are being passed on. */
    private boolean passing;

    /** Whether no further request is passed on. */
    private boolean closing;

    /** Whether the rest of a request that was refused is discarded. */
    private boolean discarding;

    /** Whether the body is compressed. */
    private boolean packed;

    /** The body's length as announced, or -1 if it is not known, and as it has been passed on. */
    private long announced;

    private volatile long received;

    /** Whether the body is larger than any that can be answered. */
    boolean oversized;

    InTurn(int maximum) {
        this.maximum = maximum;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext added) {
        ctx = added;
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        undecoded.bytes = 0;
        undecoded.lines = 0;
        if (message instanceof HttpRequest
                && ((HttpRequest) message).headers().size() > MOST_HEADERS) {
            ((HttpRequest) message).setDecoderResult(
                    DecoderResult.failure(new TooLongFrameException(TOO_MANY_HEADERS)));
        }
        if (closing) {
            ReferenceCountUtil.release(message);
        } else if (discarding) {
            discarding = !(message instanceof LastHttpContent);
            ReferenceCountUtil.release(message);
        } else if (waiting.isEmpty() && mayPass(message)) {
            pass(message);
        } else {
            hold(message);
        }
    }

    private boolean mayPass(Object message) {
        return message instanceof HttpRequest
                ? mayBegin((HttpRequest) message)
                : !(message instanceof HttpContent) || mayContinue((HttpContent) message);
    }

    /** A request waits for the response to the one before, and until the client reads responses. */
    private boolean mayBegin(HttpRequest request) {
        if (unanswered || !ctx.channel().isWritable()) {
            return false;
        }
        announced = length(request);
        oversized = announced > maximum;
        packed = request.headers().contains(HttpHeaderNames.CONTENT_ENCODING);
        if (packed && announced > 0) {
            announced = Math.min(maximum, announced * UNPACKED_RATIO);
        }
        return announced < SMALL_BYTES || oversized || body.take(announced);
    }

    /** Claim the memory for a body that is being unpacked; return false if it is not free now. */
    boolean unpacked(long bytes) {
        return bytes < SMALL_BYTES || bytes > maximum || body.grow(bytes);
    }

    private static long length(HttpRequest request) {
        try {
            return HttpUtil.isTransferEncodingChunked(request)
                    ? -1
                    : HttpUtil.getContentLength(request, 0L);
        } catch (NumberFormatException invalid) {
            return 0;
        }
    }

    private boolean mayContinue(HttpContent content) {
        long next = received + content.content().readableBytes();
        oversized |= next > maximum;
        if (oversized || (next >= SMALL_BYTES && announced >= SMALL_BYTES)) {
            return true;
        }
        if (next >= SMALL_BYTES) {
            // A chunked body claims the most that it can need. If it claimed more and more, several
            // of them could wait for each other.
            return body.take(maximum);
        }
        return next < EXEMPT_BYTES || !(content instanceof LastHttpContent) || small.take(next);
    }

    private void pass(Object message) {
        if (message instanceof HttpRequest) {
            unanswered = true;
            arriving = true;
            received = 0;
        }
        if (message instanceof HttpContent) {
            received += ((HttpContent) message).content().readableBytes();
            boolean last = message instanceof LastHttpContent;
            if (last) {
                arriving = false;
                small.set(received < EXEMPT_BYTES || received >= SMALL_BYTES ? 0 : received, false);
            }
            if ((last && !packed) || oversized) {
                body.set(oversized || received < SMALL_BYTES ? 0 : received, false);
            }
        }
        ctx.fireChannelRead(message);
    }

    /** While parts wait, Netty's aggregator and decompressor would go on reading. */
    @Override
    public void read(ChannelHandlerContext context) {
        if (waiting.isEmpty()) {
            context.read();
        }
    }

    private void hold(Object message) {
        if (waiting.isEmpty()) {
            ctx.channel().config().setAutoRead(false);
            parkedBytes = undecoded.capacity;
        }
        parkedBytes += MESSAGE_BYTES;
        if (message instanceof HttpMessage) {
            parkedBytes += (long) ((HttpMessage) message).headers().size() * HEADER_BYTES;
        }
        waiting.add(message);
        countUnfinished();
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        refusesHeaders();
        countUnfinished();
        context.fireChannelReadComplete();
    }

    /** Whether the headers that have arrived are too many; they are refused then. */
    private boolean refusesHeaders() {
        if (undecoded.lines <= MOST_HEADERS + 1) {
            return false;
        }
        if (!closing && !discarding) {
            refuse(HttpResponseStatus.BAD_REQUEST, "BadRequest", TOO_MANY_HEADERS, true);
        }
        return true;
    }

    private void countUnfinished() {
        long bytes = waiting.isEmpty() ? 0 : parkedBytes;
        if (arriving && announced < SMALL_BYTES && received < SMALL_BYTES) {
            bytes += received;
        } else if (!arriving && undecoded.bytes > 0) {
            // Headers are in the decoder's buffers, which grow by doubling, and in Java's heap.
            bytes += 4L * undecoded.bytes + (long) undecoded.lines * HEADER_BYTES;
        }
        unfinished.set(bytes < EXEMPT_BYTES || closing || discarding ? 0 : bytes, true);
    }

    /** A claim has waited for too long. */
    void refused() {
        if (!unanswered && waiting.peek() instanceof HttpRequest) {
            HttpRequest request = (HttpRequest) waiting.peek();
            boolean last = !HttpUtil.isKeepAlive(request) || HttpUtil.is100ContinueExpected(request);
            discarding = true;
            while (discarding && !waiting.isEmpty()) {
                discarding = !(waiting.peek() instanceof LastHttpContent);
                ReferenceCountUtil.release(waiting.remove());
            }
            refuse(HttpResponseStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", BUSY, last);
            if (waiting.isEmpty()) {
                readOn();
            }
            resume();
        } else {
            refuse(HttpResponseStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", BUSY, true);
        }
    }

    /** The client was silent for too long while others waited, or for longer than all others. */
    void stalled() {
        if (body.waits()) {
            body.set(0, false);
            refused();
        } else if (arriving || undecoded.bytes > 0) {
            refuse(HttpResponseStatus.REQUEST_TIMEOUT, "RequestTimeout", STALLED, true);
        } else {
            ctx.close();
        }
    }

    private void refuse(HttpResponseStatus status, String type, String message, boolean last) {
        String json = Exchange.error(status.code(), type, message).toString();
        FullHttpResponse response =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1,
                        status,
                        Unpooled.copiedBuffer(json, CharsetUtil.UTF_8));
        HttpUtil.setContentLength(response, response.content().readableBytes());
        response.headers().set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON);
        if (status == HttpResponseStatus.SERVICE_UNAVAILABLE) {
            response.headers().set(HttpHeaderNames.RETRY_AFTER, 1);
        }
        if (last) {
            response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
            discard();
        } else {
            ctx.writeAndFlush(response);
        }
    }

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        boolean interim = false;
        if (message instanceof HttpResponse) {
            HttpResponse response = (HttpResponse) message;
            interim = response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
            closing |= !interim && !HttpUtil.isKeepAlive(response);
        }
        boolean complete = !interim && message instanceof LastHttpContent;
        if (message instanceof FullHttpResponse
                && ((FullHttpResponse) message).content().readableBytes() > PIECE_BYTES) {
            // Before its bytes leave the heap, so that they are counted all the time (Jobs.begin).
            body.set(((FullHttpResponse) message).content().readableBytes(), true);
            writePieces((FullHttpResponse) message, promise);
        } else {
            ctx.write(message, promise);
        }
        if (complete) {
            unanswered = false;
            if (closing) {
                discard();
            }
            countUnread();
            resume();
        }
    }

    private void writePieces(FullHttpResponse whole, ChannelPromise promise) {
        ctx.write(new DefaultHttpResponse(whole.protocolVersion(), whole.status(), whole.headers()));
        ByteBuf content = whole.content();
        while (content.readableBytes() > PIECE_BYTES) {
            ctx.write(new DefaultHttpContent(content.readRetainedSlice(PIECE_BYTES)));
        }
        ctx.write(new DefaultLastHttpContent(content), promise);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        context.fireChannelWritabilityChanged();
        if (!unanswered) {
            countUnread();
        }
        resume();
    }

    /** What remains of an answered request is the response that the client has not read. */
    private void countUnread() {
        long unread = ctx.channel().isWritable() ? 0 : unread();
        body.set(unread < SMALL_BYTES ? 0 : unread, true);
        small.set(unread < SMALL_BYTES ? unread : 0, true);
    }

    private long unread() {
        ChannelOutboundBuffer buffer = ctx.channel().unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }

    /** A number that grows with each byte that the client sends or reads. */
    long moved() {
        return received - unread();
    }

    /** Pass on what may be passed on now: a claim was granted, or a response was sent or read. */
    void resume() {
        if (waiting.isEmpty() || passing) {
            return;
        }
        passing = true;
        while (!waiting.isEmpty() && mayPass(waiting.peek())) {
            pass(waiting.remove());
        }
        passing = false;
        if (waiting.isEmpty()) {
            readOn();
        }
    }

    /** No part waits any more. */
    private void readOn() {
        parkedBytes = 0;
        countUnfinished();
        ctx.fireChannelReadComplete();
        ctx.channel().config().setAutoRead(true);
    }

    /** Forget the waiting parts, and those that follow. */
    private void discard() {
        closing = true;
        parkedBytes = 0;
        waiting.forEach(ReferenceCountUtil::release);
        waiting.clear();
        unfinished.set(0, false);
        if (arriving) {
            body.set(0, false);
            small.set(0, false);
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        discard();
        body.set(0, false);
        small.set(0, false);
    }

    void execute(Runnable task) {
        ctx.channel().eventLoop().execute(() -> {
            if (ctx.channel().isActive()) {
                task.run();
            }
        });
    }

    void schedule(Runnable task) {
        ctx.channel().eventLoop().schedule(task, 1, TimeUnit.SECONDS);
    }

    /** Counts what has arrived since the decoder passed on a message: incomplete headers. */
    private final class Undecoded extends ChannelInboundHandlerAdapter {
        private int bytes;

        /** Complete lines among the bytes, each of which is a header in Java's heap. */
        private int lines;

        /** The size of the buffer that the latest bytes were read into. */
        private int capacity;

        @Override
        public void channelRead(ChannelHandlerContext first, Object message) {
            ByteBuf read = (ByteBuf) message;
            if (refusesHeaders()) {
                read.release();
                return;
            }
            int start = read.readerIndex();
            int end = read.writerIndex();
            bytes += end - start;
            capacity = read.capacity();
            read.retain();
            first.fireChannelRead(message);
            for (int at = start; bytes > 0 && at < end; at++, lines++) {
                at = read.forEachByte(at, end - at, ByteProcessor.FIND_LF);
                if (at < 0) {
                    break;
                }
            }
            read.release();
        }
    }
}
