package sessions

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// newBenchRig makes a rig without limits.
func newBenchRig(b *testing.B) *rig {
	b.Helper()
	r := &rig{t: b, path: filepath.Join(b.TempDir(), "chappe.db"), ackTimeout: 10 * time.Second}
	r.start()
	b.Cleanup(r.stop)
	return r
}

// A listener is a client that costs little: it reads frames, looks for one command, and
// does not read JSON.
type listener struct {
	uid   string
	conn  net.Conn
	in    *bufio.Reader
	frame []byte
}

// listen logs in.
func (r *rig) listen(uid string) *listener {
	r.t.Helper()
	conn, _, _, err := ws.Dial(r.t.Context(), "ws"+strings.TrimPrefix(r.http.URL, "http")+"/")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	l := &listener{uid: uid, conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
	l.send(`{"Cmd":"Login","AppId":"` + appID + `","Encrypt":false,"Content":"{\"UserId\":\"` + uid + `\",\"UserSId\":\"1\",\"AcsToken\":\"` + r.token(uid, time.Hour) + `\"}"}`)
	if _, err := l.await(`"Login"`); err != nil {
		r.t.Fatal(err)
	}
	// Without the SDK's HTTP request its messages would be held back for a while.
	user, err := r.rtm.User(testApp(), uid)
	if err != nil {
		r.t.Fatal(err)
	}
	ss := r.sessions.session(user)
	ss.mu.Lock()
	ss.fetch = fetching{}
	ss.mu.Unlock()
	return l
}

func (l *listener) send(text string) {
	_ = ws.WriteFrame(l.conn, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
}

// await reads up to a frame that has a text in it.
func (l *listener) await(text string) (frame []byte, err error) {
	for {
		header, err := ws.ReadHeader(l.in)
		if err != nil {
			return nil, err
		}
		l.frame = append(l.frame[:0], make([]byte, header.Length)...)
		if _, err := io.ReadFull(l.in, l.frame); err != nil {
			return nil, err
		}
		if bytes.Contains(l.frame[:min(len(l.frame), 64)], []byte(text)) {
			return l.frame, nil
		}
	}
}

// A message in a channel of so many sessions, on as many connections, four at once: until
// the last one has it.
func BenchmarkChannelFanOut(b *testing.B) {
	for _, members := range []int{100, 1000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) { benchmarkFanOut(b, members) })
	}
}

func benchmarkFanOut(b *testing.B, members int) {
	const atOnce = 4
	r := newBenchRig(b)
	var arrived sync.WaitGroup
	listeners := make([]*listener, members)
	for i := range listeners {
		l := r.listen(fmt.Sprint("m", i))
		l.send(`{"Cmd":"JoinChannel","Encrypt":false,"Content":"{\"ChanId\":\"room\"}"}`)
		if _, err := l.await(`"JoinChannel"`); err != nil {
			b.Fatal(err)
		}
		listeners[i] = l
		go func() {
			for {
				if _, err := l.await("RecvMsgFromChan"); err != nil {
					return
				}
				arrived.Done()
			}
		}()
	}
	say := `{"Cmd":"SendChannelMsg","Encrypt":false,"Content":"{\"ChanId\":\"room\",\"MsgId\":1000000000000,\"MsgType\":1,\"MsgBody\":\"` +
		strings.Repeat("x", 256) + `\",\"HistoryMsg\":false}"}`
	b.ReportAllocs()
	for next := 0; b.Loop(); next = (next + atOnce) % members { // each says little: there are limits
		arrived.Add(atOnce * (members - 1))
		for _, l := range listeners[next : next+atOnce] {
			l.send(say)
		}
		arrived.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*atOnce*(members-1)), "ns/delivery")
}

// A peer message by REST, on the receiver's connection, confirmed, and answered as
// delivered: all of it but net/http's part in the request.
func BenchmarkPeerMessage(b *testing.B) {
	r := newBenchRig(b)
	handler := r.http.Config.Handler
	var last atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		n := last.Add(1)
		to := r.listen(fmt.Sprint("r", n))
		go to.confirm()
		path := "/dev/v2/project/" + appID + "/rtm/users/s" + strconv.FormatInt(n, 10) + "/peer_messages?wait_for_ack=true"
		body := `{"destination":"` + to.uid + `","payload":"` + strings.Repeat("x", 256) + `"}`
		for pb.Next() {
			request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			request.SetBasicAuth("key", "secret")
			answer := httptest.NewRecorder()
			if handler.ServeHTTP(answer, request); !strings.Contains(answer.Body.String(), "message_delivered") {
				b.Error(answer.Body)
				return
			}
		}
	})
}

// confirm confirms all peer messages.
func (l *listener) confirm() {
	for {
		frame, err := l.await("RecvMsgFromPeer")
		if err != nil {
			return
		}
		_, rest, _ := bytes.Cut(frame, []byte(`MsgId\":`))
		id, rest, _ := bytes.Cut(rest, []byte(`,\"FromUId\":\"`))
		from, _, _ := bytes.Cut(rest, []byte(`\"`))
		l.send(`{"Cmd":"RecvMsgFromPeerAck","Encrypt":false,"Content":"{\"MsgId\":` + string(id) + `,\"FromUId\":\"` + string(from) + `\"}"}`)
	}
}
