package sessions

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

const (
	// maxFrame is the greatest length of a message of a client in bytes. The largest that
	// means anything are 16 KiB of attributes, quoted three times over.
	maxFrame = 512 << 10
	// maxQueued is how many bytes may wait for a client that reads slowly.
	maxQueued = 8 << 20
	// writeTimeout is how long a client may take to take something.
	writeTimeout = 20 * time.Second
	// limitEvery is how often that is told the kernel's poller, for which it is dear: a
	// client has as much less.
	limitEvery = time.Second
	readBuffer = 1 << 10
)

// Why a connection is ended by the server: close codes after which the SDK comes back.
const (
	closeGoingAway ws.StatusCode = 1001
	closeReplaced  ws.StatusCode = 4001
	closeFault     ws.StatusCode = 4002
	closeSilent    ws.StatusCode = 4003
)

// A connection is a WebSocket of which whole messages are written: by nobody while there
// is nothing to write, and else by one goroutine, all that waits at once.
type connection struct {
	net net.Conn
	// heard is when the client was last heard of, in Unix nanoseconds.
	heard atomic.Int64
	// limited is when the time for writing was last set. It belongs to the writer.
	limited time.Time

	mu      sync.Mutex
	queue   [][]byte // text messages; guarded by mu
	queued  int      // bytes in it; guarded by mu
	writing bool     // guarded by mu
	// ponged is the answer to the client's last ping, until it is written. Guarded by mu.
	ponged []byte
	// last is the closing frame after which nothing more is sent. Guarded by mu.
	last []byte
	dead bool // guarded by mu
}

var upgrader = ws.HTTPUpgrader{Timeout: 10 * time.Second}

// upgrade makes the connection of a request a WebSocket. Its reader is a goroutine of its
// own, so that nothing of the request is kept.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		s.log.WithError(err).Debug("a WebSocket could not be opened")
		return
	}
	c := &connection{net: conn}
	c.heard.Store(time.Now().UnixNano())
	if !s.addConn(c) {
		_ = conn.Close()
		return
	}
	var early []byte
	if n := buffered.Reader.Buffered(); n > 0 {
		early, _ = buffered.Reader.Peek(n)
		early = append([]byte(nil), early...)
	}
	go s.serve(c, early)
}

// send has a message written. It does not wait: a client that lets too much wait loses
// the connection.
func (c *connection) send(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.last != nil {
		return
	}
	if c.queued += len(message); c.queued > maxQueued {
		c.dead = true
		_ = c.net.Close()
		return
	}
	c.queue = append(c.queue, message)
	c.startLocked()
}

// finish has the connection closed once what waits is written.
func (c *connection) finish(code ws.StatusCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.last != nil {
		return
	}
	c.last = ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))
	c.startLocked()
}

// pong answers a ping of the client. Of pings that come faster than answers can be written
// the last one is answered.
//
// https://www.rfc-editor.org/rfc/rfc6455#section-5.5.3
func (c *connection) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dead && c.last == nil {
		c.ponged = ws.MustCompileFrame(ws.NewPongFrame(payload))
		c.startLocked()
	}
}

func (c *connection) startLocked() {
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// write writes what waits until nothing does.
func (c *connection) write() {
	for {
		messages, control, last := c.take()
		if messages == nil && control == nil {
			return
		}
		if c.flush(messages, control) != nil || last {
			c.kill()
			return
		}
	}
}

// take gives what waits, the messages first and then what WebSocket has to say: nothing
// where the writer is to end. last is true if nothing may follow.
func (c *connection) take() (messages [][]byte, control []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	control, c.ponged = append(c.ponged, c.last...), nil
	if c.dead || len(c.queue) == 0 && len(control) == 0 {
		c.writing = false
		return nil, nil, false
	}
	messages, c.queue, c.queued = c.queue, nil, 0
	return messages, control, c.last != nil
}

// flush writes messages, and what is to follow them, by one system call as far as that
// goes.
func (c *connection) flush(messages [][]byte, control []byte) error {
	headers := make([]byte, 0, 10*len(messages))
	buffers := make(net.Buffers, 0, 2*len(messages)+1)
	for _, message := range messages {
		begin := len(headers)
		headers = appendHeader(headers, len(message))
		buffers = append(buffers, headers[begin:], message)
	}
	if len(control) > 0 {
		buffers = append(buffers, control)
	}
	if now := time.Now(); now.Sub(c.limited) >= limitEvery {
		if err := c.net.SetWriteDeadline(now.Add(writeTimeout)); err != nil {
			return err
		}
		c.limited = now
	}
	_, err := buffers.WriteTo(c.net)
	return err
}

// appendHeader appends the header of an unmasked text message in one frame.
//
// https://www.rfc-editor.org/rfc/rfc6455#section-5.2
func appendHeader(out []byte, length int) []byte {
	const finalText = 0x81
	switch {
	case length < 126:
		return append(out, finalText, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(out, finalText, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(out, finalText, 127), uint64(length))
	}
}

func (c *connection) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead, c.queue = true, nil
	_ = c.net.Close()
}

// Why reading ends, besides errors of the network.
var (
	errTooLong   = errors.New("a frame is too long")
	errNotText   = errors.New("a frame is not text")
	errMalformed = errors.New("a frame is not as WebSocket has it")
)

// A closed says that the client has closed the connection.
type closed struct{ code ws.StatusCode }

func (closed) Error() string { return "the client has closed the connection" }

// A messageReader reads the text messages of a client, each of any number of frames.
type messageReader struct {
	conn    *connection
	in      *bufio.Reader
	scratch [ws.MaxHeaderSize]byte
	message []byte
	within  bool // a message has begun
}

func newMessageReader(c *connection, early []byte) *messageReader {
	var in io.Reader = c.net
	if len(early) > 0 {
		in = io.MultiReader(&onceReader{rest: early}, c.net)
	}
	return &messageReader{conn: c, in: bufio.NewReaderSize(in, readBuffer)}
}

// A onceReader gives some bytes, and then the end.
type onceReader struct{ rest []byte }

func (r *onceReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next gives the next message, which is the reader's until it is called again.
func (r *messageReader) next() ([]byte, error) {
	r.message = r.message[:0]
	for {
		header, err := ws.ReadHeaderBuffer(r.in, r.scratch[:])
		if err != nil {
			return nil, err
		}
		r.conn.heard.Store(time.Now().UnixNano())
		if header.Length > maxFrame || int64(len(r.message))+header.Length > maxFrame {
			return nil, errTooLong
		}
		state := ws.StateServerSide
		if r.within {
			state = state.Set(ws.StateFragmented)
		}
		if ws.CheckHeader(header, state) != nil || header.Rsv != 0 {
			return nil, errMalformed
		}
		whole, err := r.frame(header)
		if err != nil || whole {
			return r.message, err
		}
	}
}

// frame reads the rest of one frame, and tells whether it ended a message.
func (r *messageReader) frame(header ws.Header) (whole bool, err error) {
	if header.OpCode.IsControl() {
		payload := make([]byte, header.Length)
		if err := r.fill(payload, header); err != nil {
			return false, err
		}
		return false, r.control(header.OpCode, payload)
	}
	if header.OpCode == ws.OpBinary {
		return false, errNotText
	}
	begin := len(r.message)
	r.message = append(r.message, make([]byte, header.Length)...)
	if err := r.fill(r.message[begin:], header); err != nil {
		return false, err
	}
	r.within = !header.Fin
	return header.Fin, nil
}

func (r *messageReader) fill(payload []byte, header ws.Header) error {
	if _, err := io.ReadFull(r.in, payload); err != nil {
		return err
	}
	if header.Masked {
		ws.Cipher(payload, header.Mask, 0)
	}
	return nil
}

func (r *messageReader) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		r.conn.pong(payload)
	case ws.OpClose:
		code, _ := ws.ParseCloseFrameData(payload)
		return closed{code}
	}
	return nil
}
