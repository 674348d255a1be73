package sessions

import (
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
	if f, err := ws.ReadFrame(there); err != nil || f.Header.OpCode != ws.OpPong || string(f.Payload) != "there?" {
		t.Errorf("got %v, %v", f, err)
	}
}
