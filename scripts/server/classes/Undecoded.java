package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

/** The bytes that have arrived since the decoder passed on a message: incomplete headers. */
final class Undecoded extends ChannelInboundHandlerAdapter {
    int bytes;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        bytes += ((ByteBuf) message).readableBytes();
        ctx.fireChannelRead(message);
    }
}
