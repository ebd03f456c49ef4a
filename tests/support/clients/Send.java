import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Sends one event for each further argument, "Name: value" or "", and prints the statuses as JSON. Arguments: the
 * URL, the file of the certificate authority, a PKCS #12 file with the client's certificate or "".
 */
public final class Send {
    private static final char[] PASSWORD = "changeit".toCharArray();

    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_2) // as is its default; it has to fall back
                .sslContext(context(arguments[1], arguments[2]))
                .build();
        List<String> statuses = new ArrayList<>();
        for (int i = 3; i < arguments.length; ++i) {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(arguments[0]))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"type\":\"order.paid\"}"));
            if (!arguments[i].isEmpty()) {
                String[] header = arguments[i].split(": ", 2);
                request.header(header[0], header[1]);
            }
            HttpResponse<Void> reply = client.send(request.build(), HttpResponse.BodyHandlers.discarding());
            statuses.add(Integer.toString(reply.statusCode()));
        }
        System.out.println("[" + String.join(",", statuses) + "]");
    }

    private static SSLContext context(String authority, String own) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (FileInputStream file = new FileInputStream(authority)) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        KeyManager[] keys = null;
        if (!own.isEmpty()) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (FileInputStream file = new FileInputStream(own)) {
                store.load(file, PASSWORD);
            }
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(store, PASSWORD);
            keys = factory.getKeyManagers();
        }
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys, trust.getTrustManagers(), null);
        return context;
    }
}
