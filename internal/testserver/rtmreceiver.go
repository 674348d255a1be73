package testserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

// An RTMReceiver is a user of the app who receives as the RTM SDK does: over a WebSocket,
// where each message is acknowledged, and which is opened again under the same name when it
// breaks. It tells the ledger what it got.
//
// An acknowledgement is not answered. So a message whose acknowledgement the server had
// not made to last when it was killed comes again, and no client can tell that from a
// fault by the wire alone. What it can tell is the rest, and there it is strict. Only the
// latest messages can come again, from some point on without a gap, at the beginning of a
// connection; and never one of which the server has answered that it was delivered, or one
// before that. Such repetitions are counted apart; any other is used twice, as the ledger
// sees it.
type RTMReceiver struct {
	Device Device

	server *Server
	rtm    *RTM
	ledger *Ledger
	uid    string
	conn   *rtmConnection // of the goroutine that receives

	mu sync.Mutex
	// unsure is what was acknowledged and may come again, in the order in which it came.
	unsure []Message // guarded by mu
	// place is how much of that the connection has had; 0 until something comes on it.
	place    int // guarded by mu
	repeated int // guarded by mu
}

// NewRTMReceiver makes a receiver for a lower-case user of the server's first RTM app. The
// session, which is a device, joins the ledger.
func NewRTMReceiver(s *Server, uid string, l *Ledger) *RTMReceiver {
	r := &RTMReceiver{Device: Device{User: s.RTMUser(uid), ID: "RTM"}, server: s, rtm: s.RTM(), ledger: l, uid: uid}
	l.Join(r.Device)
	return r
}

// UID is who it is in the app.
func (r *RTMReceiver) UID() string { return r.uid }

// Repeated tells how many messages came again whose acknowledgement was lost.
func (r *RTMReceiver) Repeated() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.repeated
}

// Confirmed notes that the server has answered that a message was delivered to it.
func (r *RTMReceiver) Confirmed(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := slices.Index(r.unsure, m); at >= 0 {
		r.unsure = r.unsure[at+1:]
		r.place = max(0, r.place-at-1)
	}
}

// Login begins the session, fetches what waited for it, and gives the number of that. It
// is for servers that are up.
func (r *RTMReceiver) Login(ctx context.Context) (waited int, err error) {
	if r.conn, err = r.rtm.connect(ctx, r.uid, "session of "+r.uid); err != nil {
		return 0, err
	}
	var answer struct {
		Code int `json:"code"`
		Data []struct {
			From string `json:"msgFrom"`
			Body string `json:"msgBody"`
		} `json:"data"`
	}
	asked := map[string]any{"uid": r.uid, "sessId": r.conn.sessionID, "appId": r.rtm.app.ID}
	if err := r.rtm.client.call(ctx, http.MethodPost, "/arapi/v1/artmgw/getOfflineMsg", asked, &answer); err != nil {
		return 0, err
	}
	for _, message := range answer.Data {
		event, err := r.event(message.From, message.Body)
		if err != nil {
			return 0, err
		}
		r.ledger.Used(r.Device, []Event{event})
	}
	return len(answer.Data), nil
}

// Run receives what comes after the login, over as many connections as it takes, until
// ctx ends. An error is something that no client should see.
func (r *RTMReceiver) Run(ctx context.Context) error {
	for {
		err := r.receive(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.uid, err)
		}
		err = Retry(ctx, answerPatience, func(ctx context.Context) (err error) {
			r.conn, err = r.rtm.connect(ctx, r.uid, "session of "+r.uid)
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// receive takes what comes on one connection until it breaks.
func (r *RTMReceiver) receive(ctx context.Context) error {
	conn := r.conn
	defer context.AfterFunc(ctx, func() { _ = conn.net.Close() })()
	defer conn.net.Close()
	r.mu.Lock()
	r.place = 0
	r.mu.Unlock()
	for {
		frame, err := conn.read()
		if err != nil {
			return nil
		}
		switch frame.Cmd {
		case "RecvMsgFromPeer":
			err = r.take(frame.Content)
		case "ReqKeepAlive":
			_ = conn.send("KeepAlive", map[string]string{"time": "1"})
		default:
			err = fmt.Errorf("it was sent %s %s", frame.Cmd, frame.Content)
		}
		if err != nil {
			return err
		}
	}
}

// take uses a message, unless it is one that may come again, and acknowledges it.
func (r *RTMReceiver) take(content string) error {
	var message struct {
		ID   int64  `json:"MsgId"`
		From string `json:"FromUId"`
		Body string `json:"MsgBody"`
	}
	if err := json.Unmarshal([]byte(content), &message); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	event, err := r.event(message.From, message.Body)
	if err != nil {
		return err
	}
	if !r.again(messageOf(event)) {
		r.ledger.Used(r.Device, []Event{event})
	}
	// If the connection is broken, the next one will show it.
	_ = r.conn.send("RecvMsgFromPeerAck", map[string]any{"MsgId": message.ID, "FromUId": message.From})
	return nil
}

// again tells whether a message is one that may come again, and has its turn.
func (r *RTMReceiver) again(m Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.Index(r.unsure[r.place:], m)
	if at == 0 || at > 0 && r.place == 0 {
		// The first of a connection says that everything before it has lasted.
		r.unsure = r.unsure[at:]
		r.place++
		r.repeated++
		return true
	}
	if r.place == 0 {
		r.unsure = nil
	}
	r.unsure = append(r.unsure, m)
	r.place = len(r.unsure)
	return false
}

// event is the message as the ledger knows it.
func (r *RTMReceiver) event(from, body string) (Event, error) {
	content, err := json.Marshal(map[string]string{"payload": body})
	return Event{Sender: r.server.RTMUser(from), Type: "im.chappe.rtm.peer_message", Content: content}, err
}
