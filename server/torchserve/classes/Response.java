package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledHeapByteBuf;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;

/** A response that takes a large body as it is, instead of a copy. */
public final class Response extends DefaultFullHttpResponse {
    private static final int LARGE_BYTES = 64 << 10;

    public Response(HttpVersion version, HttpResponseStatus status, boolean validate) {
        super(version, status, new Content(), validate);
    }

    private static final class Content extends UnpooledHeapByteBuf {
        private byte[] whole;

        Content() {
            super(UnpooledByteBufAllocator.DEFAULT, 0, Integer.MAX_VALUE);
        }

        @Override
        public ByteBuf writeBytes(byte[] body) {
            if (body.length < LARGE_BYTES || capacity() > 0) {
                return super.writeBytes(body);
            }
            whole = body;
            capacity(body.length);
            whole = null;
            return writerIndex(body.length);
        }

        @Override
        protected byte[] allocateArray(int length) {
            return whole == null ? super.allocateArray(length) : whole;
        }
    }
}
