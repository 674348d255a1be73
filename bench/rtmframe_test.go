package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestFramesAreCutWhereverTheReadingEnds(t *testing.T) {
	texts := []string{"", "short", strings.Repeat("m", 126), strings.Repeat("l", 1<<16)}
	var sent []byte
	for _, text := range texts {
		sent = append(sent, framed([]byte(text))...)
	}
	for _, step := range []int{1, 2, 3, 7, 1000, len(sent)} {
		var got []string
		var have []byte
		for begin := 0; begin < len(sent); begin += step {
			have = append(have, sent[begin:min(begin+step, len(sent))]...)
			for {
				code, frame, rest, ok, err := cutFrame(have)
				if err != nil || ok && code != ws.OpText {
					t.Fatalf("%d bytes at a time: opcode %d (%v)", step, code, err)
				}
				if !ok {
					break
				}
				got, have = append(got, string(frame)), rest
			}
		}
		if strings.Join(got, "|") != strings.Join(texts, "|") || len(have) > 0 {
			t.Errorf("%d bytes at a time: %d frames and %d bytes over, want %d frames", step, len(got), len(have), len(texts))
		}
	}
}

func TestFramesNoServerMaySendAreRefused(t *testing.T) {
	text := ws.NewTextFrame([]byte("text"))
	for name, frame := range map[string]ws.Frame{
		"masked":    ws.MaskFrame(text),
		"in pieces": ws.NewFrame(ws.OpText, false, []byte("te")),
		"too large": ws.NewTextFrame(make([]byte, maxFrame+1)),
	} {
		if _, _, _, ok, err := cutFrame(ws.MustCompileFrame(frame)); ok || err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The frames are written by hand; a server reads them as JSON in JSON.
func TestFramesAreJSONWithJSONInThem(t *testing.T) {
	p, m := newPayloads(128), message{at: 1, from: 2, seq: 3}
	payload := string(p.append(nil, m))
	for _, test := range []struct {
		frame   []byte
		command string
		want    map[string]any
	}{
		{loginFrame("u", "s"), "Login", map[string]any{"UserId": "u", "SessionId": "s"}},
		{joinFrame(), "JoinChannel", map[string]any{"ChanId": rtmChannel}},
		{keepAliveFrame(), "KeepAlive", map[string]any{"time": float64(firstMessageID)}},
		{appendPeerAck(nil, []byte("12"), []byte("u")), "RecvMsgFromPeerAck", map[string]any{"MsgId": 12.0, "FromUId": "u"}},
		{
			appendChannelSend(nil, "u", p, m), "SendChannelMsg",
			map[string]any{"ChanId": rtmChannel, "FromUId": "u", "MsgId": float64(firstMessageID + 3), "MsgBody": payload},
		},
		{
			unframed(t, pushed("RecvMsgFromChan", rtmChannel, "u", 12, []byte(payload))), "RecvMsgFromChan",
			map[string]any{"ChanId": rtmChannel, "FromUId": "u", "MsgId": 12.0, "MsgBody": payload},
		},
	} {
		var frame struct{ Cmd, AppID, Content string }
		var content map[string]any
		if err := json.Unmarshal(test.frame, &frame); err != nil {
			t.Fatalf("%s: %v", test.command, err)
		}
		if err := json.Unmarshal([]byte(frame.Content), &content); err != nil {
			t.Fatalf("%s: %v", test.command, err)
		}
		if frame.Cmd != test.command || frameCommand(test.frame) != test.command || (frame.AppID == rtmApp) != (test.command == "Login") {
			t.Errorf("%s is called %s, of the app %q", test.command, frame.Cmd, frame.AppID)
		}
		for name, want := range test.want {
			if content[name] != want {
				t.Errorf("%s: %s is %v, want %v", test.command, name, content[name], want)
			}
		}
	}
}

func TestAFieldIsFoundInAFrame(t *testing.T) {
	frame := pushed("RecvMsgFromChan", "c", "u", 12, []byte("text"))
	for field, want := range map[string]string{chanIDField: "c", messageIDField: "12", fromField: "u", bodyField: "text", userIDField: ""} {
		if got := frameField(frame, field); string(got) != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func unframed(t *testing.T, sent []byte) []byte {
	t.Helper()
	_, frame, rest, ok, err := cutFrame(sent)
	if err != nil || !ok || len(rest) > 0 {
		t.Fatalf("%x is not one frame (%v)", sent, err)
	}
	return frame
}
