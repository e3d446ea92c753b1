package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;

/**
 * Netty's aggregator of requests, which come here when there is memory for them (InTurn).
 */
public final class BoundedAggregator extends HttpObjectAggregator {
    /**
     * The parts of a body are copied into buffers of this size. Otherwise each part, even of a byte,
     * would keep the whole buffer that it was read into.
     */
    private static final int PART_BYTES = 64 << 10;

    /**
     * A connection is read in small steps: the rest of an incomplete line keeps the whole buffer,
     * and an event loop reads from all its connections before it closes any that take too much.
     */
    private static final RecvByteBufAllocator READ =
            new AdaptiveRecvByteBufAllocator(64, 2 << 10, 8 << 10).maxMessagesPerRead(2);

    /** Beyond as many unread bytes, responses count in the budget. */
    private static final int UNREAD_BYTES = 8 << 10;

    private final InTurn inTurn;
    private ByteBuf part;

    public BoundedAggregator(int maxContentLength) {
        super(maxContentLength);
        inTurn = new InTurn(maxContentLength);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Exception {
        super.handlerAdded(ctx);
        ChannelPipeline pipeline = ctx.pipeline();
        pipeline.addFirst(inTurn.undecoded);
        pipeline.addAfter(pipeline.context(HttpServerCodec.class).name(), null, inTurn);
        WriteBufferWaterMark mark = new WriteBufferWaterMark(UNREAD_BYTES, UNREAD_BYTES);
        ctx.channel().config().setWriteBufferWaterMark(mark).setRecvByteBufAllocator(READ);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
        if (message instanceof LastHttpContent || inTurn.oversized) {
            passOn(ctx);
        } else if (message instanceof HttpContent) {
            gather(ctx, (HttpContent) message);
            return;
        }
        super.channelRead(ctx, message);
    }

    private void gather(ChannelHandlerContext ctx, HttpContent content) throws Exception {
        ByteBuf bytes = content.content();
        if (part != null && part.readableBytes() + bytes.readableBytes() > PART_BYTES) {
            passOn(ctx);
        }
        if (part == null) {
            part = ctx.alloc().buffer();
        }
        part.writeBytes(bytes);
        content.release();
    }

    private void passOn(ChannelHandlerContext ctx) throws Exception {
        if (part != null) {
            ByteBuf full = part;
            part = null;
            super.channelRead(ctx, new DefaultHttpContent(full));
        }
    }

    /** Announce that the body may be sent, unless it is too large. */
    @Override
    protected Object newContinueResponse(HttpMessage start, int maximum, ChannelPipeline pipeline) {
        return isContentLengthInvalid(start, maximum)
                ? null
                : super.newContinueResponse(start, maximum, pipeline);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) throws Exception {
        ReferenceCountUtil.release(part);
        super.handlerRemoved(ctx);
    }
}
