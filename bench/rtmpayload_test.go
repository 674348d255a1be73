package main

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestAPayloadIsFoundInAFrameAsItWasSent(t *testing.T) {
	p := newPayloads(256)
	for _, want := range []message{{}, {at: 1 << 60, from: 1 << 30, seq: 1 << 60}, {at: 3 * time.Second, from: 7, seq: 12}} {
		payload := p.append(nil, want)
		if len(payload) != 256 {
			t.Errorf("%+v takes %d bytes, want 256", want, len(payload))
		}
		got, found, err := p.find(pushed("RecvMsgFromPeer", "", "s1", 5, payload))
		if err != nil || !found || got != want {
			t.Errorf("%+v came back as %+v (%v)", want, got, err)
		}
	}
}

func TestADamagedPayloadIsNoticed(t *testing.T) {
	p := newPayloads(100)
	frame := pushed("RecvMsgFromPeer", "", "s1", 5, p.append(nil, message{at: 1, from: 2, seq: 3}))
	for name, damaged := range map[string][]byte{
		"cut":       bytes.Replace(frame, []byte("xx"), []byte("x"), 1),
		"stretched": bytes.Replace(frame, []byte("xx"), []byte("xxx"), 1),
		"changed":   bytes.Replace(frame, []byte("xx"), []byte("xy"), 1),
		"no number": bytes.Replace(frame, []byte(":2:"), []byte("::"), 1),
		"no end":    frame[:len(frame)-60],
	} {
		if _, _, err := p.find(damaged); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v, want errDamaged", name, err)
		}
	}
	if _, found, err := p.find([]byte(`{"Cmd":"KeepAlive"}`)); found || err != nil {
		t.Errorf("a payload was found where there is none (%v)", err)
	}
}
