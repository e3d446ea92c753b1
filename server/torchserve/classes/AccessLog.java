package doubleit;

import com.google.gson.JsonObject;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.Filter;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.filter.RegexFilter;
import org.pytorch.serve.archive.model.ModelVersionNotFoundException;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.wlm.Model;
import org.pytorch.serve.wlm.ModelManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The line of the access log for a request, which is written with the response. */
final class AccessLog {
    private static final Pattern TRACE =
            Pattern.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2}).*");

    private static final Pattern CLOUD_TRACE = Pattern.compile("([0-9a-f]{32})(/.*)?");

    private static final Logger LOGGER = logger();

    /** The project that traces belong to in Google Cloud. */
    private static final String PROJECT = System.getenv("GOOGLE_CLOUD_PROJECT");

    /** The line of the request that this thread passes on. */
    private static final ThreadLocal<AccessLog> CURRENT = new ThreadLocal<>();

    private final String method;
    private final String path;
    private final UnaryOperator<String> headers;
    private final long began = System.nanoTime();
    private Job job;
    private String version;

    int status = 200;

    /** The status of a gRPC call; null for other requests. */
    String grpc;

    long bytes;
    String id;

    /**
     * A request begins.
     *
     * @param headers returns a header of the request, or null.
     */
    AccessLog(String method, String target, UnaryOperator<String> headers) {
        this.method = method;
        path = target.split("[?]", 2)[0];
        this.headers = headers;
    }

    private static Logger logger() {
        Logger logger = LoggerFactory.getLogger("access");
        if (logger.isInfoEnabled()) {
            // TorchServe logs the same requests with fewer details.
            LoggerContext context = (LoggerContext) LogManager.getContext(false);
            context.getConfiguration()
                    .getLoggerConfig("ACCESS_LOG")
                    .addFilter(http(Filter.Result.DENY, Filter.Result.NEUTRAL));
        }
        return logger;
    }

    private static RegexFilter http(Filter.Result match, Filter.Result mismatch) {
        try {
            return RegexFilter.createFilter(".*HTTP/1.*", null, false, match, mismatch);
        } catch (IllegalAccessException error) {
            throw new IllegalStateException(error);
        }
    }

    static boolean isOn() {
        return LOGGER.isInfoEnabled();
    }

    /** Set the line whose request this thread passes on; null for none. */
    static void pass(AccessLog line) {
        CURRENT.set(line);
    }

    /** Tell the line of the request that this thread passes on that it is put into a queue. */
    static void queuedByThread(Job job) {
        AccessLog line = CURRENT.get();
        if (line != null) {
            line.queued(job);
        }
    }

    void queued(Job job) {
        this.job = job;
        version = job.getModelVersion();
        try {
            Model model = ModelManager.getInstance().getModel(job.getModelName(), version);
            version = model == null ? version : model.getVersion();
        } catch (ModelVersionNotFoundException gone) {
            // It was removed since the request was routed.
        }
    }

    void write() {
        JsonObject line = new JsonObject();
        line.addProperty("method", method);
        line.addProperty("path", path);
        line.addProperty("status", status);
        if (grpc != null) {
            line.addProperty("grpc", grpc);
        }
        line.addProperty("bytes", bytes);
        line.addProperty("ms", milliseconds(System.nanoTime() - began));
        if (job != null) {
            line.addProperty("queue_ms", milliseconds(job.getScheduled() - job.getBegin()));
            line.addProperty("model", job.getModelName());
            line.addProperty("version", version);
        }
        line.addProperty("id", id);
        trace(line);
        String fields = line.toString();
        LOGGER.info(fields.substring(1, fields.length() - 1));
    }

    private static double milliseconds(long nanos) {
        return nanos / 1000 / 1000.0;
    }

    /** Add the trace that the request belongs to, under the names that Google Cloud reads. */
    private void trace(JsonObject line) {
        Matcher standard = TRACE.matcher(header("traceparent"));
        Matcher cloud = CLOUD_TRACE.matcher(header("x-cloud-trace-context"));
        boolean isStandard = standard.matches();
        if (!isStandard && !cloud.matches()) {
            return;
        }
        String trace = (isStandard ? standard : cloud).group(1);
        line.addProperty("trace", trace);
        if (PROJECT != null) {
            String name = "projects/" + PROJECT + "/traces/" + trace;
            line.addProperty("logging.googleapis.com/trace", name);
        }
        if (isStandard) {
            line.addProperty("logging.googleapis.com/spanId", standard.group(2));
            boolean sampled = (Integer.parseInt(standard.group(3), 16) & 1) == 1;
            line.addProperty("logging.googleapis.com/trace_sampled", sampled);
        }
    }

    private String header(String name) {
        String value = headers.apply(name);
        return value == null ? "" : value;
    }
}
