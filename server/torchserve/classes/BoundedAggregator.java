package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;

/**
 * Netty's aggregator of requests, with a limit on the memory of all connections together.
 *
 * <p>Counted are requests that have not arrived completely, pipelined requests that wait for their
 * turn, and responses that the client has not read. Any other request that arrives in one piece is
 * not counted.
 */
public final class BoundedAggregator extends HttpObjectAggregator {
    /** Bytes; derived from the available memory (server/memory.py). */
    private static final long LIMIT_BYTES = Long.getLong("doubleit.unfinished", Long.MAX_VALUE);

    /** Java objects of one header. */
    static final int HEADER_BYTES = 128;

    /** The shortest header, `a:` and a line end. */
    private static final int SHORTEST_BYTES = 4;

    /**
     * The parts of a body are copied into buffers of this size. Otherwise each part, even of a byte,
     * would keep the whole buffer that it was read into.
     */
    private static final int PART_BYTES = 64 << 10;

    private static final int SMALLEST_BYTES = 64;

    private static final int SMALL_BYTES = 64 << 10;

    /** Responses with fewer unread bytes are not counted. */
    private static final int UNREAD_BYTES = 8 << 10;

    /** Requests that announce a small body have room of their own, which larger ones do not take. */
    private static final Room SMALL = new Room(LIMIT_BYTES / 4);

    private static final Room LARGE = new Room(LIMIT_BYTES - LIMIT_BYTES / 4);

    /** Incomplete headers lie in Java's heap, not in its buffers, so this room is in addition. */
    private static final Room HEADERS = new Room(LIMIT_BYTES / 4);

    private final Undecoded undecoded = new Undecoded();
    private final InTurn inTurn = new InTurn(undecoded);
    private ByteBuf part;
    private boolean small;
    private long request;
    private long response;
    private Room room;

    public BoundedAggregator(int maxContentLength) {
        super(maxContentLength);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
        super.handlerAdded(ctx);
        ChannelPipeline pipeline = ctx.pipeline();
        pipeline.addFirst(undecoded);
        pipeline.addAfter(pipeline.context(HttpServerCodec.class).name(), null, inTurn);
        WriteBufferWaterMark mark = new WriteBufferWaterMark(UNREAD_BYTES, UNREAD_BYTES);
        ctx.channel().config().setWriteBufferWaterMark(mark);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
        if (message instanceof LastHttpContent) {
            request = 0;
            passOn(ctx);
        } else if (message instanceof HttpMessage) {
            HttpMessage head = (HttpMessage) message;
            request = (1L + head.headers().size()) * HEADER_BYTES;
            small = HttpUtil.getContentLength(head, Long.MAX_VALUE) < SMALL_BYTES;
        } else if (message instanceof HttpContent && request > 0) {
            gather(ctx, (HttpContent) message);
            return;
        }
        super.channelRead(ctx, message);
    }

    private void gather(ChannelHandlerContext ctx, HttpContent content) throws Exception {
        ByteBuf bytes = content.content();
        if (part != null && part.readableBytes() + bytes.readableBytes() > PART_BYTES) {
            passOn(ctx);
            count(ctx);
        }
        if (part == null) {
            part = ctx.alloc().buffer(SMALLEST_BYTES);
            request += SMALLEST_BYTES;
        }
        request -= part.capacity();
        part.writeBytes(bytes);
        request += part.capacity();
        content.release();
    }

    private void passOn(ChannelHandlerContext ctx) throws Exception {
        if (part != null) {
            ByteBuf full = part;
            part = null;
            super.channelRead(ctx, new DefaultHttpContent(full));
        }
    }

    @Override
    protected void handleOversizedMessage(ChannelHandlerContext ctx, HttpMessage oversized)
            throws Exception {
        // The aggregator discards the rest of the body.
        request = 0;
        super.handleOversizedMessage(ctx, oversized);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) throws Exception {
        count(ctx);
        super.channelReadComplete(ctx);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) throws Exception {
        ChannelOutboundBuffer unread = ctx.channel().unsafe().outboundBuffer();
        response = unread == null || unread.isWritable() ? 0 : unread.totalPendingWriteBytes();
        count(ctx);
        super.channelWritabilityChanged(ctx);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) throws Exception {
        clear(ctx);
        super.channelInactive(ctx);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) throws Exception {
        clear(ctx);
        super.handlerRemoved(ctx);
    }

    private void clear(ChannelHandlerContext ctx) {
        request = 0;
        response = 0;
        undecoded.bytes = 0;
        inTurn.discard();
        count(ctx);
        if (part != null) {
            part.release();
            part = null;
        }
    }

    /** Count what this connection holds now. */
    private void count(ChannelHandlerContext ctx) {
        long headers = (long) undecoded.bytes / SHORTEST_BYTES * HEADER_BYTES;
        long held = headers + inTurn.bytes() + request + response;
        boolean fits = small && inTurn.bytes() == 0 && response < SMALL_BYTES;
        Room next = held == 0 ? null : held == headers ? HEADERS : fits ? SMALL : LARGE;
        if (room != null && room != next) {
            room.leave(ctx.channel());
        }
        room = next;
        if (room != null) {
            room.hold(ctx.channel(), held);
        }
    }
}
