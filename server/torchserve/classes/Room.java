package doubleit;

import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpServerCodec;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory that connections share. Beyond the limit, those on which nothing has happened for the
 * longest time are closed.
 */
final class Room {
    private final long limit;

    /** Bytes by connection; the one with the longest inactivity comes first. */
    private final Map<Channel, Long> held = new LinkedHashMap<>();

    /** Bytes of connections that other threads are about to close. */
    private final AtomicLong closing = new AtomicLong();

    private long total;

    Room(long limit) {
        this.limit = limit;
    }

    /** Set what a connection holds, and make room for it. */
    synchronized void hold(Channel channel, long bytes) {
        leave(channel);
        held.put(channel, bytes);
        total += bytes;
        List<Channel> excess = new ArrayList<>();
        Iterator<Map.Entry<Channel, Long>> idle = held.entrySet().iterator();
        while (total > limit && idle.hasNext()) {
            Map.Entry<Channel, Long> longest = idle.next();
            if (closable(longest.getKey(), longest.getValue())) {
                total -= longest.getValue();
                excess.add(longest.getKey());
                idle.remove();
            }
        }
        for (Channel each : excess) {
            each.close();
            if (each != channel && each.eventLoop().inEventLoop()) {
                // Otherwise the memory is in use until the thread has handled what has arrived on
                // all of its connections.
                each.pipeline().remove(HttpServerCodec.class);
                each.pipeline().remove(BoundedAggregator.class);
            }
        }
    }

    /**
     * Return whether a connection can be closed soon. Another thread closes its connections only
     * when it has handled what has arrived on all of them, so little memory may wait for that.
     */
    private boolean closable(Channel channel, long bytes) {
        if (channel.eventLoop().inEventLoop()) {
            return true;
        }
        if (closing.get() + bytes > limit / 2) {
            return false;
        }
        closing.addAndGet(bytes);
        channel.closeFuture().addListener(closed -> closing.addAndGet(-bytes));
        return true;
    }

    /** Remove a connection that holds nothing any more. */
    synchronized void leave(Channel channel) {
        Long bytes = held.remove(channel);
        total -= bytes == null ? 0 : bytes;
    }
}
