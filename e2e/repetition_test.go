package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/config"
	"github.com/chappe-im/chappe/federationapi/remotetest"
	"github.com/chappe-im/chappe/federationapi/signing"
	"github.com/chappe-im/chappe/internal/testserver"
)

// An origin is another server that signs transactions, and repeats them as it likes.
type origin struct {
	t      *testing.T
	name   spec.ServerName
	key    signing.Key
	to     *testserver.Server
	client *testserver.Client
	ledger *testserver.Ledger
	// busy counts the requests that were refused since too many were waiting.
	busy atomic.Int32
}

// newOrigin starts an origin, and a server that knows where it is.
func newOrigin(t *testing.T) *origin {
	t.Helper()
	key := remotetest.Key("1")
	remote := remotetest.New(t, "gamma.test", key)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: remote.Certificate().Raw})
	if err := os.WriteFile(roots, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	server := testserver.New(t, testserver.Named("alpha.test"), func(c *config.Config) {
		c.Federation.Hosts = map[spec.ServerName]string{remote.Name: remote.Address()}
		c.Federation.CAFile = roots
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 100, TLSClientConfig: trusting(t, server)}
	t.Cleanup(transport.CloseIdleConnections)
	return &origin{
		t: t, name: remote.Name, key: key, to: server, ledger: testserver.NewLedger(),
		client: testserver.ClientOver(transport, server.FederationURL(), testserver.Device{}, ""),
	}
}

// trusting is how a server's own certificate, and its name, are checked.
func trusting(t *testing.T, server *testserver.Server) *tls.Config {
	t.Helper()
	certificate, err := os.ReadFile(filepath.Join(server.DataDir(), "tls.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		t.Fatal("the server's certificate is none")
	}
	return &tls.Config{RootCAs: roots, ServerName: string(server.Name())}
}

// sender is the device at the origin that all messages are from.
func (o *origin) sender() testserver.Device {
	return testserver.Device{User: "@eve:" + string(o.name), ID: "LAPTOP"}
}

// edu makes the EDU of a message, as the origin makes it once.
//
// https://spec.matrix.org/v1.15/server-server-api/#send-to-device-messaging
func (o *origin) edu(m testserver.Message, to testserver.Device) json.RawMessage {
	o.t.Helper()
	edu, err := json.Marshal(map[string]any{"edu_type": "m.direct_to_device", "content": map[string]any{
		"sender": m.From.User, "type": "im.chappe.test", "message_id": fmt.Sprint("message", m.Number),
		"messages": testserver.Messages{to.User: {to.ID: m.Content()}},
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	return edu
}

// transaction makes a transaction of these EDUs, and of a PDU, so that there is
// something in its answer.
func (o *origin) transaction(edus ...json.RawMessage) json.RawMessage {
	o.t.Helper()
	body, err := json.Marshal(map[string]any{
		"origin": o.name, "origin_server_ts": time.Now().UnixMilli(), "edus": edus,
		"pdus": []map[string]string{{"event_id": "$1:" + string(o.name)}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return body
}

// put sends a transaction until it is answered with 200, and gives that answer. Too
// many at once are refused, and asked for again when the server says.
//
// https://spec.matrix.org/v1.15/server-server-api/#put_matrixfederationv1sendtxnid
func (o *origin) put(ctx context.Context, txnID string, body json.RawMessage) (answer []byte, err error) {
	uri := "/_matrix/federation/v1/send/" + txnID
	header := remotetest.Signing{
		Key: o.key, Method: http.MethodPut, URI: uri, Body: body,
		Origin: o.name, Destination: o.to.Name(), SignedFor: o.to.Name(),
	}.Header(o.t)
	err = testserver.Retry(ctx, atOnce, func(ctx context.Context) error {
		response, err := o.client.Do(ctx, testserver.Request{
			Method: http.MethodPut, Path: uri, Body: body, Header: http.Header{"Authorization": {header}},
		})
		if err != nil {
			return err
		}
		answer, err = response.Body, response.Err()
		var refused *testserver.Error
		if errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests && refused.RetryAfter > 0 {
			o.busy.Add(1)
		}
		return err
	})
	return answer, err
}

// putTogether sends the same transaction several times at once, and gives the
// function that waits for the answers, which must all be the same.
func (o *origin) putTogether(ctx context.Context, times int, txnID string, body json.RawMessage) (wait func()) {
	answers := make([][]byte, times)
	done := together(times, func(i int) (err error) {
		answers[i], err = o.put(ctx, txnID, body)
		return err
	})
	return func() {
		o.t.Helper()
		if err := done(); err != nil {
			o.t.Fatal(err)
		}
		for _, answer := range answers {
			if !bytes.Equal(answer, answers[0]) || !bytes.Contains(answer, []byte("$1:")) {
				o.t.Errorf("one answer is %s, another %s", answer, answers[0])
			}
		}
	}
}

func TestTheSameTransactionTenTimesAtOnceIsDeliveredOnce(t *testing.T) {
	const times = 10
	// mayBeAway is how many of them may be refused meanwhile: those beyond one at work
	// and eight that wait for it.
	const mayBeAway = times - 9
	o := newOrigin(t)
	bob := o.to.Device("bob", "TABLET")
	receivers := []*testserver.Receiver{
		testserver.NewReceiver(bob, o.ledger), testserver.NewReceiver(o.to.Device("bob", "PHONE"), o.ledger),
	}
	for round := range 5 {
		var edus []json.RawMessage
		var messages []testserver.Message
		for range 10 {
			for _, to := range []testserver.Device{bob.Device, everyDevice(bob)} {
				m := o.ledger.Sending(o.sender(), to)
				messages, edus = append(messages, m), append(edus, o.edu(m, to))
			}
		}
		before := o.busy.Load()
		o.putTogether(within(t, soon), times, fmt.Sprint("txn", round), o.transaction(edus...))()
		if refused := o.busy.Load() - before; refused > mayBeAway {
			t.Errorf("%d of %d were refused at first, want %d at most", refused, times, mayBeAway)
		}
		for _, m := range messages {
			o.ledger.Accepted(m)
		}
	}
	settle(t, o.ledger, receivers...)
}

// The origin does not know what became of its transaction when the server died. It
// asks again, and so do the nine that it had begun.
func TestTransactionRepeatedOverACrashIsDeliveredOnce(t *testing.T) {
	random := seeded(t)
	o := newOrigin(t)
	bob := o.to.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, o.ledger)
	ctx := within(t, soon)
	for round := range 6 {
		txnID, m := fmt.Sprint("txn", round), o.ledger.Sending(o.sender(), bob.Device)
		body := o.transaction(o.edu(m, bob.Device))
		wait := o.putTogether(ctx, 10, txnID, body)
		<-time.After(time.Duration(random.Int64N(int64(10 * time.Millisecond)))) // any phase of them
		o.to.Kill()
		o.to.Start()
		wait()
		o.ledger.Accepted(m)
		settle(t, o.ledger, receiver)
	}
}

// A server that splits or remakes its transactions sends what was taken already
// under another transaction ID. The message ID tells.
func TestTheSameEDUUnderManyTransactionIDsIsDeliveredOnce(t *testing.T) {
	const transactions = 20
	o := newOrigin(t)
	bob := o.to.Device("bob", "TABLET")
	receiver := testserver.NewReceiver(bob, o.ledger)
	m := o.ledger.Sending(o.sender(), bob.Device)
	edu := o.edu(m, bob.Device)
	ctx := within(t, soon)
	for crashes := range 3 {
		err := together(transactions, func(i int) error {
			// After a crash, half of them are there already.
			_, err := o.put(ctx, fmt.Sprint("txn", i+crashes*transactions/2), o.transaction(edu))
			return err
		})()
		if err != nil {
			t.Fatal(err)
		}
		if crashes == 0 {
			o.ledger.Accepted(m)
		}
		settle(t, o.ledger, receiver)
		o.to.Kill()
		o.to.Start()
	}
	settle(t, o.ledger, receiver)
}
