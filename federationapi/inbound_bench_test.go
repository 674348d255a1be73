package federationapi_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/federationapi"
	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/relay"
	"github.com/chappe-im/chappe/todevice"
)

// benchReceivers is how many devices the messages of a benchmark go to, in turn.
const benchReceivers = 64

// BenchmarkInboundTransaction is all there is to a transaction of another server but
// the sockets: signature, parsing, one durable commit, waking the devices, the answer.
// Each EDU is a message to one device, with a content of 256 bytes.
func BenchmarkInboundTransaction(b *testing.B) {
	for _, edus := range []int{1, 50, 100} {
		b.Run(fmt.Sprintf("edus=%d", edus), func(b *testing.B) {
			router := benchRouter(b)
			meter := remotetest.NewMeter(b)
			txn := 0
			for b.Loop() {
				b.StopTimer()
				r := signedTransaction(b, txn, edus)
				txn++
				w := httptest.NewRecorder()
				meter.Start()
				router.ServeHTTP(w, r)
				meter.Stop()
				if w.Code != http.StatusOK {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
				b.StartTimer()
			}
			meter.Report(txn * edus)
		})
	}
}

// benchRouter is our server on a real database, with its devices, which knows the
// other's key.
func benchRouter(b *testing.B) http.Handler {
	ctx := context.Background()
	store := openStore(b, filepath.Join(b.TempDir(), "chappe.db"), here)
	for i := range benchReceivers {
		if _, err := store.EnsureDevice(ctx, fmt.Sprintf("u%d", i), "D"); err != nil {
			b.Fatal(err)
		}
	}
	key := remotetest.Key("there")
	err := store.StoreServerKeys(ctx, there, json.RawMessage(`{}`), []todevice.ServerKey{{
		Server: there, ID: key.ID, Public: key.Private.Public().(ed25519.PublicKey),
		ValidUntil: time.Now().Add(24 * time.Hour), Fetched: time.Now(),
	}})
	if err != nil {
		b.Fatal(err)
	}
	client := remote.New(remote.Config{}, here, remotetest.Key("here"))
	b.Cleanup(client.Close)
	registry := prometheus.NewRegistry()
	notifier := relay.NewNotifier()
	peers := queue.New(queue.Config{Name: here}, store, client, quiet(), registry)
	messages := relay.New(store, here, todevice.ServerRules{}, notifier, peers, registry)
	server := federationapi.New(federationapi.Config{Name: here, Key: remotetest.Key("here")}, store, messages, notifier, nil,
		client, peers, quiet(), registry)
	b.Cleanup(server.Close)
	router := httpapi.NewRouter()
	server.Routes(router)
	return router
}

// signedTransaction is the PUT of the nth transaction, as a server reads it from a
// connection.
func signedTransaction(b *testing.B, n, edus int) *http.Request {
	var body strings.Builder
	fmt.Fprintf(&body, `{"edus":[`)
	for i := range edus {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"content":{"message_id":"%d-%d","messages":{"@u%d:here.test":{"D":{"body":"%s"}}},"sender":"@s:there.test","type":"m.room.encrypted"},"edu_type":"m.direct_to_device"}`,
			n, i, (n*edus+i)%benchReceivers, strings.Repeat("x", 256-len(`{"body":""}`)))
	}
	body.WriteString(`],"origin":"there.test","origin_server_ts":1790000000000,"pdus":[]}`)
	uri := fmt.Sprintf("/_matrix/federation/v1/send/%d", n)
	s := remotetest.Signing{Key: remotetest.Key("there"), Method: http.MethodPut, URI: uri, Origin: there, Destination: here, SignedFor: here,
		Body: json.RawMessage(body.String())}
	r := httptest.NewRequest(http.MethodPut, uri, io.NopCloser(strings.NewReader(body.String())))
	r.ContentLength = int64(body.Len())
	r.Header.Set("Authorization", s.Header(b))
	return r
}
