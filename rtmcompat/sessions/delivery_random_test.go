package sessions

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chappe-im/chappe/rtmcompat"
)

const (
	chaosSenders = 3
	chaosRounds  = 6
	chaosEach    = 10 // messages of each sender in a round
)

// A chaos is a receiver whose connection breaks at any time, who acknowledges late, and
// whose server is restarted now and then.
type chaos struct {
	r      *rig
	random *rand.Rand
	c      *client // nil while it has no connection

	mu   sync.Mutex
	sent []map[int]bool // by sender: whether a message is stored; guarded by mu

	got   []int            // by sender: the last message that came for the first time
	had   []map[int]bool   // by sender: those that came
	acked map[string]bool  // by body: those whose acknowledgement was read
	here  map[string]bool  // those that came on this connection
	owed  []map[string]any // those that are not acknowledged yet
}

func TestNothingIsLostOrDoubledOrTurnedRoundHoweverConnectionsBreak(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := &chaos{r: newRig(t), random: rand.New(rand.NewPCG(seed, 1)), acked: map[string]bool{}, got: make([]int, chaosSenders)}
			for range chaosSenders {
				x.sent, x.had = append(x.sent, map[int]bool{}), append(x.had, map[int]bool{})
			}
			x.connect()
			x.c.fetch()
			for round := range chaosRounds {
				x.round(round)
				if x.random.IntN(2) == 0 {
					x.restart()
				}
			}
			x.finish()
		})
	}
}

// round has all send at once, while the receiver does this and that.
func (x *chaos) round(round int) {
	var senders sync.WaitGroup
	for sender := range chaosSenders {
		random := rand.New(rand.NewPCG(x.random.Uint64(), 2))
		senders.Go(func() {
			for i := range chaosEach {
				x.say(sender, round*chaosEach+i+1, random.IntN(2) == 0)
			}
		})
	}
	for range 12 {
		x.step()
	}
	senders.Wait()
	x.step()
}

func (x *chaos) say(sender, number int, keep bool) {
	x.mu.Lock()
	x.sent[sender][number] = keep
	x.mu.Unlock()
	_, err := x.r.rtm.SendPeer(x.r.t.Context(), testApp(), rtmcompat.PeerMessage{
		From: fmt.Sprint("sender-", sender), Destination: "bob", Payload: fmt.Sprint(sender, " ", number), Offline: keep,
	})
	if err != nil {
		x.r.t.Error(err)
	}
}

func (x *chaos) step() {
	switch do := x.random.IntN(5); {
	case x.c == nil:
		x.connect()
	case do == 0:
		x.cut()
	case do == 1:
		x.hear()
		x.acknowledge(x.random.IntN(len(x.owed) + 1))
	default:
		x.hear()
	}
}

func (x *chaos) connect() {
	x.c = x.r.loginWith("bob", "1", x.r.token("bob", time.Hour), true)
	x.here, x.owed = map[string]bool{}, nil
}

// cut breaks the connection; some acknowledgements may or may not have been read before.
func (x *chaos) cut() {
	x.c.cut()
	x.c.awaitEnd()
	x.hear()
	x.c = nil
}

// restart ends the server, and begins it anew. What was not stored is lost then.
func (x *chaos) restart() {
	x.r.stop()
	if x.c != nil {
		x.c.awaitEnd()
		x.hear()
		x.c = nil
	}
	for sender, sent := range x.sent {
		for number, keep := range sent {
			if !keep && !x.had[sender][number] {
				delete(sent, number)
			}
		}
	}
	x.r.start()
}

// hear looks at what has come.
func (x *chaos) hear() {
	x.c.mu.Lock()
	frames := x.c.frames
	x.c.frames = nil
	x.c.mu.Unlock()
	for _, f := range frames {
		if f.cmd == "RecvMsgFromPeer" {
			x.take(f.content)
		}
	}
}

func (x *chaos) take(content map[string]any) {
	body := content["MsgBody"].(string)
	var sender, number int
	if _, err := fmt.Sscan(body, &sender, &number); err != nil {
		x.r.t.Fatal(err)
	}
	if x.acked[body] || x.here[body] {
		x.r.t.Errorf("%q came again: acknowledged %t", body, x.acked[body])
	}
	if !x.had[sender][number] {
		if number < x.got[sender] {
			x.r.t.Errorf("%q came after %d of the same sender", body, x.got[sender])
		}
		x.got[sender] = number
	}
	x.here[body], x.had[sender][number] = true, true
	x.owed = append(x.owed, content)
}

// acknowledge acknowledges so many messages, the last of them and some of the others, and
// waits until that was read.
func (x *chaos) acknowledge(n int) {
	for i, content := range x.owed[:n] {
		if i == n-1 || x.random.IntN(4) > 0 {
			x.c.send("RecvMsgFromPeerAck", map[string]any{"MsgId": content["MsgId"], "FromUId": content["FromUId"]})
		}
	}
	x.c.send("KeepAlive", map[string]any{"time": "1"})
	x.c.await("KeepAlive")
	for _, content := range x.owed[:n] {
		x.acked[content["MsgBody"].(string)] = true
	}
	x.owed = x.owed[n:]
}

// finish takes all there is, and checks that it is all.
func (x *chaos) finish() {
	if x.c == nil {
		x.connect()
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		x.hear()
		x.acknowledge(len(x.owed)) // those again that came on connections before
		if x.missing() == "" && x.r.stored("bob") == 0 {
			return
		}
	}
	x.r.t.Errorf("lost: %q; still stored: %d", x.missing(), x.r.stored("bob"))
}

// stored counts what is stored for a user.
func (r *rig) stored(uid string) int {
	r.t.Helper()
	user, err := r.rtm.User(testApp(), uid)
	if err != nil {
		r.t.Fatal(err)
	}
	device, err := r.store.EnsureDevice(r.t.Context(), user.Localpart, rtmcompat.DeviceID)
	if err != nil {
		r.t.Fatal(err)
	}
	events, _, err := r.store.Pending(r.t.Context(), device.Inbox, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(events)
}

// missing names one message that has not come, "" if all have.
func (x *chaos) missing() string {
	for sender, sent := range x.sent {
		for number := range sent {
			if !x.had[sender][number] {
				return fmt.Sprintf("message %d of sender %d", number, sender)
			}
		}
	}
	return ""
}
