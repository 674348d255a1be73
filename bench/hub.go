package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"
)

// A hub is the least that can serve RTM sessions, as the floor of the RTM scenarios: one
// process, everything in memory, no accounts, no rules. It writes a message as a frame
// once, for all who get it, and does not parse JSON: it knows the generator's requests
// and frames to the byte.
type hub struct {
	port    int          // that it tells clients to connect to
	members sync.Map     // uid -> *member
	last    atomic.Int64 // the number of the last message
	// acks holds, for each message whose sender waits, a channel that is closed when the
	// receiver has confirmed it.
	acks sync.Map
	mu   sync.Mutex
	// joined are the members of the one channel, in no order that matters. Guarded by mu,
	// which a message to the channel holds until all members have it in their queues: so
	// all have the same order.
	joined []*member
}

// serveHub serves until ctx ends.
func serveHub(ctx context.Context, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("serve the hub: %w", err)
	}
	h := new(hub)
	if h.port, err = strconv.Atoi(port); err != nil {
		return fmt.Errorf("serve the hub: %w", err)
	}
	server := &http.Server{Addr: address, Handler: h}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the hub: %w", err)
	}
	return <-stopped
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"} // or net/http would guess
	switch path := r.URL.Path; {
	case path == "/":
		h.session(w, r)
	case path == "/arapi/v1":
		_, _ = fmt.Fprintf(w, `{"code":0,"sessionid":"%d","addresses":[{"type":0,"addr":"127.0.0.1","port":%d}]}`, h.last.Add(1), h.port)
	case path == offlinePath:
		_, _ = w.Write([]byte(`{"code":0,"data":[]}`)) // who hung up needs no answer
	case strings.HasSuffix(path, "/peer_messages"):
		h.sendPeer(w, r)
	case strings.HasSuffix(path, "/channel_messages"):
		h.sendChannel(w, r)
	}
}

// pathUID cuts the uid out of a path of rtmPath.
func pathUID(r *http.Request) string {
	_, rest, _ := strings.Cut(r.URL.Path, "/users/")
	uid, _, _ := strings.Cut(rest, "/")
	return uid
}

// jsonText gives a string of an object in which nothing is escaped.
func jsonText(body []byte, name string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(name+`":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return text
}

func (h *hub) sendPeer(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	to, online := h.members.Load(string(jsonText(body, "destination")))
	if err != nil || !online {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := firstMessageID + h.last.Add(1)
	acked := make(chan struct{})
	wait := r.URL.RawQuery == "wait_for_ack=true"
	if wait {
		h.acks.Store(id, acked)
	}
	to.(*member).push(pushed("RecvMsgFromPeer", "", pathUID(r), id, jsonText(body, "payload")))
	if !wait {
		answerSent(w, "message_sent", id)
		return
	}
	select {
	case <-acked:
		answerSent(w, "message_delivered", id)
	case <-r.Context().Done():
	}
}

func (h *hub) sendChannel(w http.ResponseWriter, r *http.Request) {
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := firstMessageID + h.last.Add(1)
	h.fanOut(pushed("RecvMsgFromChan", string(jsonText(body, "channel_name")), pathUID(r), id, jsonText(body, "payload")), nil)
	answerSent(w, "message_sent", id)
}

// answerSent answers a request that sent. Who hung up needs no answer.
func answerSent(w http.ResponseWriter, code string, id int64) {
	_, _ = fmt.Fprintf(w, `{"result":"success","request_id":"%d","code":"%s"}`, id, code)
}

// pushed is the WebSocket frame that brings a message, of a channel if one is named.
func pushed(command, channel, from string, id int64, body []byte) []byte {
	content := make([]byte, 0, len(body)+256)
	if channel != "" {
		content = append(content, `{\"ChanId\":\"`...)
		content = append(content, channel...)
		content = append(content, `\",\"MsgId\":`...)
	} else {
		content = append(content, `{\"MsgId\":`...)
	}
	content = strconv.AppendInt(content, id, 10)
	content = append(content, `,\"FromUId\":\"`...)
	content = append(content, from...)
	content = append(content, `\",\"MsgType\":1,\"MsgBody\":\"`...)
	content = append(content, body...)
	content = append(content, `\",\"SvrTS\":1700000000000}`...)
	return framed(appendFrame(make([]byte, 0, len(content)+64), command, string(content)))
}

// framed is a text as a server sends it.
func framed(text []byte) []byte { return ws.MustCompileFrame(ws.NewTextFrame(text)) }

// fanOut gives a frame to all members of the channel but the one that sent it.
func (h *hub) fanOut(frame []byte, but *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.joined {
		if m != but {
			m.push(frame)
		}
	}
}

// session serves a WebSocket until its client hangs up.
func (h *hub) session(w http.ResponseWriter, r *http.Request) {
	conn, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return // the client has had its answer
	}
	m := &member{conn: conn, woken: make(chan struct{}, 1), gone: make(chan struct{})}
	written := make(chan struct{})
	go func() {
		m.write()
		close(written)
	}()
	h.read(m, rw.Reader)
	close(m.gone)
	<-written
	_ = conn.Close() // the client has hung up
}

// read obeys a client until it hangs up.
func (h *hub) read(m *member, in *bufio.Reader) {
	var frame []byte
	for {
		header, err := ws.ReadHeader(in)
		if err != nil || header.OpCode != ws.OpText {
			return
		}
		frame = append(frame[:0], make([]byte, header.Length)...)
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		ws.Cipher(frame, header.Mask, 0)
		h.obey(m, frame)
	}
}

func (h *hub) obey(m *member, frame []byte) {
	switch command := frameCommand(frame); command {
	case "Login":
		m.uid = string(frameField(frame, userIDField))
		h.members.Store(m.uid, m)
		m.push(framed(appendFrame(nil, command, `{\"Code\":0,\"UserId\":\"`+m.uid+`\"}`)))
	case "JoinChannel":
		h.mu.Lock()
		h.joined = append(h.joined, m)
		h.mu.Unlock()
		m.push(framed(appendFrame(nil, command, `{\"Code\":0,\"ChanId\":\"`+rtmChannel+`\"}`)))
	case "KeepAlive":
		m.push(framed(appendFrame(nil, command, `{}`)))
	case "SendChannelMsg":
		id := string(frameField(frame, messageIDField))
		number, _ := strconv.ParseInt(id, 10, 64) // the generator writes numbers
		h.fanOut(pushed("RecvMsgFromChan", string(frameField(frame, chanIDField)), m.uid, number, frameField(frame, bodyField)), m)
		m.push(framed(appendFrame(nil, command, `{\"Code\":0,\"ChanId\":\"`+rtmChannel+`\",\"MsgId\":`+id+`}`)))
	case "RecvMsgFromPeerAck":
		number, _ := strconv.ParseInt(string(frameField(frame, messageIDField)), 10, 64) // as above
		if acked, waiting := h.acks.LoadAndDelete(number); waiting {
			close(acked.(chan struct{}))
		}
	}
}
