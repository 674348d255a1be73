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
	"syscall"
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
	// batch is how many bytes are written at once, unless one message has more.
	batch      = 64 << 10
	readBuffer = 1 << 10
	// keptQueue is how many messages a queue may have had that is used again.
	keptQueue = 16
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
	// raw is the socket beneath, nil where it is not bare.
	raw syscall.RawConn
	// heard is when the client was last heard of, in Unix nanoseconds.
	heard   atomic.Int64
	writers *writers
	next    *connection // that waits for a writer after this one; guarded by the writers' mu

	mu      sync.Mutex
	queue   [][]byte // text messages; guarded by mu
	queued  int      // bytes in it; guarded by mu
	long    bool     // some of it was taken, but not all; guarded by mu
	writing bool     // guarded by mu
	// ponged is the answer to the client's last ping, until it is written. Guarded by mu.
	ponged []byte
	// last is the closing frame after which nothing more is sent. Guarded by mu.
	last []byte
	dead bool // guarded by mu
}

func newConnection(conn net.Conn, w *writers) *connection {
	c := &connection{net: conn, writers: w}
	if bare, ok := conn.(syscall.Conn); ok {
		c.raw, _ = bare.SyscallConn() // nil where that fails
	}
	c.heard.Store(time.Now().UnixNano())
	return c
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
	c := newConnection(conn, &s.writers)
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
	switch {
	case c.writing:
		return
	case c.raw == nil:
		go c.writeSlowly(nil, false)
	default:
		c.writers.add(c)
	}
	c.writing = true
}

// wrote ends the writing for now, or has it go on after that for other connections, if
// more has come meanwhile.
func (c *connection) wrote() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing = c.waitsLocked(); c.writing {
		c.writers.add(c)
	}
}

func (c *connection) waitsLocked() bool {
	return !c.dead && (len(c.queue) > 0 || c.ponged != nil || c.last != nil)
}

// take appends what waits, in frames: the messages first, as far as they are not more than
// a batch, and then what WebSocket has to say. last is true if nothing may follow. Where
// nothing waits the writing ends.
func (c *connection) take(out []byte) (_ []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing = c.waitsLocked(); !c.writing {
		return out, false
	}
	n := 0
	for n < len(c.queue) && len(out) < batch {
		out = append(appendHeader(out, len(c.queue[n])), c.queue[n]...)
		c.queued -= len(c.queue[n])
		n++
	}
	clear(c.queue[:n])
	if n < len(c.queue) {
		c.queue, c.long = c.queue[n:], true
		return out, false
	}
	if c.queue = c.queue[:0]; c.long || n > keptQueue {
		c.queue, c.long = nil, false // it may be of any size
	}
	out = append(append(out, c.ponged...), c.last...)
	c.ponged = nil
	return out, c.last != nil
}

// writeSlowly writes something and what else waits, for as long as the client takes.
func (c *connection) writeSlowly(out []byte, last bool) {
	for {
		if len(out) == 0 {
			out, last = c.take(out)
		}
		if len(out) == 0 {
			return
		}
		if c.writeAll(out) != nil || last {
			c.kill()
			return
		}
		out = out[:0]
	}
}

func (c *connection) writeAll(out []byte) error {
	if err := c.net.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := c.net.Write(out); err != nil {
		return err
	}
	return c.net.SetWriteDeadline(time.Time{}) // writers set none
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
