package queue_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/storage/sqlite"
	"github.com/chappe-im/chappe/todevice"
)

// BenchmarkOutboundQueue brings what waits in a real outbox to another server over
// TLS, until nothing waits: recorded, signed, sent, confirmed and removed. The other
// server reads a transaction and takes it. Each EDU is a message of 256 bytes.
func BenchmarkOutboundQueue(b *testing.B) {
	for _, edus := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("edus=%d", edus), func(b *testing.B) {
			o := newOutbound(b)
			meter := remotetest.NewMeter(b)
			rounds := 0
			for b.Loop() {
				b.StopTimer()
				servers := o.fill(b, rounds, edus)
				rounds++
				meter.Start()
				o.queue.Wake(servers)
				<-o.rested
				meter.Stop()
				b.StartTimer()
			}
			meter.Report(rounds * edus)
		})
	}
}

// An outbound is a queue that runs, and the server it sends to.
type outbound struct {
	*sqlite.Store
	queue  *queue.Queue
	rested chan struct{} // gets a value each time nothing waits any more
}

// elsewhere is a name the certificate of httptest is for.
const elsewhere = spec.ServerName("example.com")

func newOutbound(b *testing.B) *outbound {
	taking := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"pdus":{}}`)
	}))
	b.Cleanup(taking.Close)
	pool := x509.NewCertPool()
	pool.AddCert(taking.Certificate())
	client := remote.New(remote.Config{
		Hosts:  map[spec.ServerName]string{elsewhere: taking.Listener.Addr().String()},
		CAPool: pool, VerifyCertificates: true,
	}, here, remotetest.Key("here"))
	b.Cleanup(client.Close)
	o := &outbound{Store: openStore(b, filepath.Join(b.TempDir(), "chappe.db"), here), rested: make(chan struct{}, 1)}
	o.queue = queue.New(queue.Config{Name: here}, o, client, quiet(), prometheus.NewRegistry())
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = o.queue.Run(ctx) })
	b.Cleanup(func() {
		stop()
		running.Wait()
	})
	return o
}

// NextTransaction notes when nothing waits.
func (o *outbound) NextTransaction(ctx context.Context, server spec.ServerName, confirmed string, maxEDUs, maxBytes int) (*todevice.Transaction, error) {
	txn, err := o.Store.NextTransaction(ctx, server, confirmed, maxEDUs, maxBytes)
	if txn == nil && err == nil {
		o.rested <- struct{}{}
	}
	return txn, err
}

// fill puts EDUs into the outbox.
func (o *outbound) fill(b *testing.B, round, edus int) (servers []spec.ServerName) {
	var batch todevice.Batch
	for i := range edus {
		batch.EDUs = append(batch.EDUs, todevice.EDU{Destination: elsewhere, JSON: fmt.Appendf(nil,
			`{"content":{"message_id":"%d-%d","sender":"@s:here.test","type":"m.room.encrypted","messages":{"@u%d:example.com":{"D":{"body":"%s"}}}},"edu_type":"m.direct_to_device"}`,
			round, i, i%64, strings.Repeat("x", 256-len(`{"body":""}`)))})
	}
	accepted, err := o.Accept(context.Background(), batch)
	if err != nil {
		b.Fatal(err)
	}
	return accepted.Servers
}
