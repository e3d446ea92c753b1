package doubleit;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import io.netty.channel.MultithreadEventLoopGroup;
import io.netty.channel.epoll.EpollEventLoopGroup;
import io.netty.util.concurrent.EventExecutor;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;

/**
 * Event loops that have equally many connections to clients, and to workers.
 *
 * <p>Netty assigns connections to its event loops in turn, whatever their kind. One loop could then
 * have all workers, and pass all of their messages, while another one is idle.
 */
public final class EventLoops extends MultithreadEventLoopGroup {
    private final Map<EventExecutor, Integer> clients = new HashMap<>();
    private final Map<EventExecutor, Integer> workers = new HashMap<>();

    public EventLoops(int count) {
        super(count, (Executor) null);
    }

    @Override
    protected EventLoop newChild(Executor executor, Object... arguments) {
        return new EpollEventLoopGroup(1).next();
    }

    @Override
    public ChannelFuture register(Channel channel) {
        Map<EventExecutor, Integer> counts = channel.parent() == null ? workers : clients;
        EventExecutor loop = take(counts);
        ChannelFuture registered = ((EventLoop) loop).register(channel);
        channel.closeFuture().addListener(closed -> add(counts, loop, -1));
        return registered;
    }

    /** Return the first of the event loops with the fewest connections, and count one more. */
    private synchronized EventExecutor take(Map<EventExecutor, Integer> counts) {
        EventExecutor fewest = iterator().next();
        for (EventExecutor loop : this) {
            if (counts.getOrDefault(loop, 0) < counts.getOrDefault(fewest, 0)) {
                fewest = loop;
            }
        }
        add(counts, fewest, 1);
        return fewest;
    }

    private synchronized void add(Map<EventExecutor, Integer> counts, EventExecutor loop, int n) {
        counts.merge(loop, n, Integer::sum);
    }
}
