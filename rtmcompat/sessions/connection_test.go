package sessions

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// Nothing may have been written for longer than one write may take.
func TestPingIsAnsweredAfterALongSilence(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := &connection{net: here}
	defer c.kill()
	if err := here.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	reader := newMessageReader(c, nil)
	go func() { _, _ = reader.next() }()
	if err := ws.WriteFrame(there, ws.MaskFrame(ws.NewPingFrame([]byte("there?")))); err != nil {
		t.Fatal(err)
	}
	_ = there.SetReadDeadline(time.Now().Add(10 * time.Second))
	payload := make([]byte, len("there?"))
	header, err := ws.ReadHeader(there)
	if err == nil && header.Length == int64(len(payload)) {
		_, err = io.ReadFull(there, payload)
	}
	if err != nil || header.OpCode != ws.OpPong || string(payload) != "there?" {
		t.Errorf("got %v %q, %v", header, payload, err)
	}
}

// connect makes the two ends of a connection of loopback.
func connect(t *testing.T, w *writers) (c *connection, there net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if there, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	here, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c = newConnection(here, w)
	t.Cleanup(c.kill)
	_ = there.SetReadDeadline(time.Now().Add(10 * time.Second))
	return c, there
}

// wantText reads one message.
func wantText(t *testing.T, there net.Conn, want string) {
	t.Helper()
	header, err := ws.ReadHeader(there)
	if err != nil || header.OpCode != ws.OpText || header.Length != int64(len(want)) {
		t.Fatalf("got %v, want %.40q of %d bytes: %v", header, want, len(want), err)
	}
	text := make([]byte, header.Length)
	if _, err := io.ReadFull(there, text); err != nil || string(text) != want {
		t.Fatalf("got %.40q, want %.40q: %v", text, want, err)
	}
}

// One writer is enough for all, whatever their clients do.
func TestClientThatDoesNotReadHoldsNobodyUpAndMissesNothing(t *testing.T) {
	w := &writers{most: 1}
	slow, slowClient := connect(t, w)
	quick, quickClient := connect(t, w)
	const messages = 60 // more than the kernel keeps
	text := func(i int) string { return strconv.Itoa(i) + strings.Repeat("x", 100_000) }
	for i := range messages {
		slow.send([]byte(text(i)))
	}
	for i := range messages {
		slow.send([]byte(strconv.Itoa(i)))
		quick.send([]byte(strconv.Itoa(i)))
		wantText(t, quickClient, strconv.Itoa(i))
	}
	for i := range messages {
		wantText(t, slowClient, text(i))
	}
	for i := range messages {
		wantText(t, slowClient, strconv.Itoa(i))
	}
	slow.send([]byte("and on")) // by a writer again, or not yet
	wantText(t, slowClient, "and on")
}

// What is no bare socket, as one with TLS, is not written to by writers.
func TestMessagesFollowOneAnotherOnAnyConnection(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	_ = there.SetReadDeadline(time.Now().Add(10 * time.Second))
	c := newConnection(here, &writers{most: 1})
	defer c.kill()
	for range 2 {
		for i := range 3 {
			c.send([]byte(strconv.Itoa(i)))
		}
		for i := range 3 {
			wantText(t, there, strconv.Itoa(i))
		}
	}
}

func TestClientThatLetsTooMuchWaitLosesTheConnection(t *testing.T) {
	w := &writers{most: 1}
	c, there := connect(t, w)
	message := make([]byte, 1<<20)
	for range 4 * maxQueued / len(message) {
		c.send(message)
	}
	if n, err := io.Copy(io.Discard, there); n > 4*maxQueued || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stands: %d bytes, %v", n, err)
	}
}

func TestWhatWaitsIsWrittenBeforeTheEnd(t *testing.T) {
	c, there := connect(t, &writers{most: 1})
	for i := range 3 * keptQueue {
		c.send([]byte(strconv.Itoa(i)))
	}
	c.finish(closeGoingAway)
	c.send([]byte("too late"))
	for i := range 3 * keptQueue {
		wantText(t, there, strconv.Itoa(i))
	}
	header, err := ws.ReadHeader(there)
	if err != nil || header.OpCode != ws.OpClose {
		t.Errorf("got %v, %v", header, err)
	}
	if rest, err := io.ReadAll(there); err != nil || int64(len(rest)) != header.Length {
		t.Errorf("then %d bytes, %v", len(rest), err)
	}
}
