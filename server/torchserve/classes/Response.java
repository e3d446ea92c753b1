package doubleit;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledHeapByteBuf;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A response that takes a large body as it is, instead of a copy.
 *
 * <p>Large bodies are in Java's heap from when a worker's message is decoded until they are written
 * to the client's connection, whose buffers are outside it.
 */
public final class Response extends DefaultFullHttpResponse {
    private static final int LARGE_BYTES = 64 << 10;

    /** Two of the largest bodies; server/memory.py counts on it. */
    private static final long HEAP_BYTES = 2 * Long.getLong("doubleit.bodies", Long.MAX_VALUE / 2);

    private static final AtomicLong IN_HEAP = new AtomicLong();

    public Response(HttpVersion version, HttpResponseStatus status, boolean validate) {
        super(version, status, new Content(), validate);
    }

    /** Count bytes that are in the heap from now on, if there is room for them. */
    static boolean fits(long bytes) {
        // One that is larger than the limit fits alone.
        if (hold(bytes) <= Math.max(HEAP_BYTES, bytes)) {
            return true;
        }
        free(bytes);
        return false;
    }

    /** Count bytes that are in the heap from now on; return the total. */
    static long hold(long bytes) {
        return IN_HEAP.addAndGet(bytes);
    }

    /** The bytes of large responses that were decoded and are not written yet. */
    static long inHeap() {
        return IN_HEAP.get();
    }

    static void free(long bytes) {
        IN_HEAP.addAndGet(-bytes);
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
            hold(body.length);
            whole = body;
            capacity(body.length);
            return writerIndex(body.length);
        }

        @Override
        protected byte[] allocateArray(int length) {
            return whole != null && whole.length == length ? whole : super.allocateArray(length);
        }

        @Override
        protected void freeArray(byte[] array) {
            if (array == whole) {
                free(array.length);
                whole = null;
            }
            super.freeArray(array);
        }
    }
}
