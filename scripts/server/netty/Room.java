package doubleit;

import io.netty.channel.Channel;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Memory that connections share. Beyond the limit, those on which nothing has happened for the
 * longest time are closed.
 */
final class Room {
    private final long limit;

    /** Bytes by connection; the one with the longest inactivity comes first. */
    private final Map<Channel, Long> held = new LinkedHashMap<>();

    private long total;

    Room(long limit) {
        this.limit = limit;
    }

    /** Set what a connection holds, and make room for it. */
    synchronized void hold(Channel channel, long bytes) {
        leave(channel);
        held.put(channel, bytes);
        total += bytes;
        Iterator<Map.Entry<Channel, Long>> idle = held.entrySet().iterator();
        while (total > limit) {
            Map.Entry<Channel, Long> longest = idle.next();
            total -= longest.getValue();
            idle.remove();
            longest.getKey().close();
        }
    }

    /** Remove a connection that holds nothing any more. */
    synchronized void leave(Channel channel) {
        Long bytes = held.remove(channel);
        total -= bytes == null ? 0 : bytes;
    }
}
