package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

/** The bytes that have arrived since the decoder passed on a message: incomplete headers. */
final class Undecoded extends ChannelInboundHandlerAdapter {
    int bytes;

    /** The size of the buffer that the latest bytes were read into. */
    int capacity;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf read = (ByteBuf) message;
        bytes += read.readableBytes();
        capacity = read.capacity();
        ctx.fireChannelRead(message);
    }
}
