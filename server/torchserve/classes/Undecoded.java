package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ByteProcessor;

/** What has arrived since the decoder passed on a message: incomplete headers. */
final class Undecoded extends ChannelInboundHandlerAdapter {
    int bytes;

    /** Complete lines among the bytes, each of which is a header in Java's heap. */
    int lines;

    /** The size of the buffer that the latest bytes were read into. */
    int capacity;

    private final InTurn inTurn;

    Undecoded(InTurn inTurn) {
        this.inTurn = inTurn;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf read = (ByteBuf) message;
        if (inTurn.refusesHeaders()) {
            read.release();
            return;
        }
        int start = read.readerIndex();
        int end = read.writerIndex();
        bytes += end - start;
        capacity = read.capacity();
        read.retain();
        ctx.fireChannelRead(message);
        for (int at = start; bytes > 0 && at < end; at++, lines++) {
            at = read.forEachByte(at, end - at, ByteProcessor.FIND_LF);
            if (at < 0) {
                break;
            }
        }
        read.release();
    }

    /** The decoder has passed on a message. */
    void decoded() {
        bytes = 0;
        lines = 0;
    }
}
