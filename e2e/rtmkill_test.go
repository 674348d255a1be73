package e2e_test

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/testserver"
)

const (
	rtmKills   = 8
	rtmSenders = 6
	// rtmEach is how many messages each of them sends to each receiver. Together they stay
	// below the 200 that are kept for one who is away.
	rtmEach = 24
)

// An rtmLoad is programs of the app that send by REST to users of three kinds: who have a
// session, who are away, and who have a Matrix device.
type rtmLoad struct {
	server   *testserver.Server
	ledger   *testserver.Ledger
	sessions []*testserver.RTMReceiver
	away     []*testserver.RTMReceiver
	matrix   *testserver.Client
	phone    *testserver.Receiver // is its receiver
}

func newRTMLoad(t *testing.T) *rtmLoad {
	server, ledger := testserver.New(t), testserver.NewLedger()
	l := &rtmLoad{server: server, ledger: ledger, matrix: server.Device("alice", "PHONE")}
	l.phone = testserver.NewReceiver(l.matrix, ledger)
	for _, uid := range []string{"ann", "bob", "cid"} {
		l.sessions = append(l.sessions, testserver.NewRTMReceiver(server, uid, ledger))
	}
	for _, uid := range []string{"dan", "eve"} {
		l.away = append(l.away, testserver.NewRTMReceiver(server, uid, ledger))
	}
	return l
}

// logIn begins sessions, which fetch what waits and receive until the function it gives is
// called.
func logIn(t *testing.T, ctx context.Context, who []*testserver.RTMReceiver) (finish func()) {
	t.Helper()
	running, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	finish = func() {
		stop()
		group.Wait()
	}
	t.Cleanup(finish) // however the test ends
	for _, r := range who {
		waited, err := r.Login(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s logs in and fetches %d messages", r.UID(), waited)
		group.Go(func() {
			if err := r.Run(running); err != nil {
				t.Error(err)
			}
		})
	}
	return finish
}

// send has a program send one message to each receiver, one after the other, each repeated
// under its key until it is answered. confirm has the answer wait for the receiver.
func (l *rtmLoad) send(ctx context.Context, uid string, confirm bool) error {
	for _, r := range append(l.sessions[:len(l.sessions):len(l.sessions)], l.away...) {
		m, code, err := l.sendOne(ctx, uid, r.UID(), r.Device, confirm)
		if err != nil {
			return err
		}
		if code == "message_delivered" {
			r.Confirmed(m)
		}
	}
	_, _, err := l.sendOne(ctx, uid, l.matrix.Device.User, l.matrix.Device, confirm)
	return err
}

// sendToAll has a program send a last message to each, or ends the test.
func (l *rtmLoad) sendToAll(t *testing.T, ctx context.Context, uid string) {
	t.Helper()
	if err := l.send(ctx, uid, true); err != nil {
		t.Fatal(err)
	}
}

func (l *rtmLoad) sendOne(ctx context.Context, uid, to string, device testserver.Device, confirm bool) (testserver.Message, string, error) {
	m := l.ledger.Sending(testserver.Device{User: l.server.RTMUser(uid), ID: "REST"}, device)
	message := testserver.PeerMessage{Destination: to, Payload: m.Stamp(), Offline: true, Key: crand.Text()}
	var code string
	err := testserver.Retry(ctx, 30*time.Second, func(ctx context.Context) (err error) {
		code, err = l.server.RTM().SendPeer(ctx, uid, message, confirm)
		return err
	})
	if err != nil {
		return m, "", fmt.Errorf("%s to %s: %w", m, to, err)
	}
	l.ledger.Accepted(m)
	return m, code, nil
}

// killAtRandom kills the server at random instants, spread over a load of so many messages.
func (l *rtmLoad) killAtRandom(t *testing.T, ctx context.Context, random *rand.Rand, messages int) {
	t.Helper()
	for i := range rtmKills {
		begin, end := messages*i/rtmKills, messages*(i+1)/rtmKills
		if err := l.ledger.AwaitAccepted(ctx, begin+random.IntN(end-begin)); err != nil {
			t.Fatalf("the load does not come to kill %d: %v", i, err)
		}
		<-time.After(time.Duration(random.Int64N(int64(5 * time.Millisecond)))) // any phase of a message
		l.server.Kill()
		l.server.Start()
	}
}

// The one thing that the wire cannot exclude is counted apart: a message comes again to a
// session whose acknowledgement was under way at the kill (see [testserver.RTMReceiver]).
func TestKillUnderRTMLoadLosesNothingAcknowledged(t *testing.T) {
	l := newRTMLoad(t)
	ctx := within(t, soon)
	finish := logIn(t, ctx, l.sessions)
	done := make(chan struct{})
	syncing := together(1, func(int) error { return l.phone.Run(ctx, done) })
	sending := together(rtmSenders, func(i int) error {
		for n := range rtmEach {
			// Where one in three waits, there is as well an answer to hold the server to.
			if err := l.send(ctx, fmt.Sprint("bot", i), n%3 == 0); err != nil {
				return err
			}
		}
		return nil
	})
	l.killAtRandom(t, ctx, seeded(t), rtmSenders*rtmEach*(len(l.sessions)+len(l.away)+1))
	if err := sending(); err != nil {
		t.Fatal(err)
	}
	// Messages come in order: what is to come again comes before this, or never, as that is
	// confirmed.
	l.sendToAll(t, ctx, "bot6")
	l.server.Kill()
	l.server.Start()
	finishAway := logIn(t, ctx, l.away)
	l.sendToAll(t, ctx, "bot7")
	if err := l.ledger.AwaitNothingMissing(ctx); err != nil {
		t.Errorf("not everything arrived: %v", err)
	}
	close(done)
	if err := syncing(); err != nil {
		t.Error(err)
	}
	finish()
	finishAway()
	for _, r := range append(l.sessions, l.away...) {
		t.Logf("%s: %d came again whose acknowledgement was lost", r.UID(), r.Repeated())
	}
	l.ledger.Check(t)
}
