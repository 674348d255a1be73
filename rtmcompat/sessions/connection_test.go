package sessions

import (
	"io"
	"net"
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
