package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/gobwas/ws"
)

// rtmChannel is the one channel of the scenarios.
const rtmChannel = "bench"

// firstMessageID is the smallest number of 13 digits, which is how long those are that
// clients give their messages.
const firstMessageID = 1_000_000_000_000

// appendFrame writes the text of a frame. The content is written as it stands in the
// string: each quotation mark behind a backslash.
func appendFrame(out []byte, command, content string) []byte {
	out = append(out, `{"Cmd":"`...)
	out = append(out, command...)
	out = append(out, `","Encrypt":false,"Content":"`...)
	out = append(out, content...)
	return append(out, `"}`...)
}

// quoted writes a content for appendFrame.
func quoted(content map[string]any) string {
	text, err := json.Marshal(content)
	if err != nil {
		panic(err) // of texts and numbers there is none
	}
	return string(bytes.ReplaceAll(text, []byte(`"`), []byte(`\"`)))
}

func loginFrame(uid, sid string) []byte {
	frame := appendFrame(nil, "Login", quoted(map[string]any{
		"UserId": uid, "UserSId": uid + "-life", "AcsToken": "", "SdkVer": "1.0.15", "SessionId": sid,
	}))
	return bytes.Replace(frame, []byte(`{"Cmd":"Login",`), []byte(`{"Cmd":"Login","AppId":"`+rtmApp+`",`), 1)
}

func joinFrame() []byte {
	return appendFrame(nil, "JoinChannel", quoted(map[string]any{"ChanId": rtmChannel}))
}

func keepAliveFrame() []byte {
	return appendFrame(nil, "KeepAlive", quoted(map[string]any{"time": firstMessageID}))
}

// appendPeerAck confirms a message that has arrived.
func appendPeerAck(out, messageID, from []byte) []byte {
	out = append(out, `{"Cmd":"RecvMsgFromPeerAck","Encrypt":false,"Content":"{\"MsgId\":`...)
	out = append(out, messageID...)
	out = append(out, `,\"FromUId\":\"`...)
	out = append(out, from...)
	return append(out, `\"}"}`...)
}

// appendChannelSend sends a message to the channel.
func appendChannelSend(out []byte, uid string, p payloads, m message) []byte {
	out = append(out, `{"Cmd":"SendChannelMsg","Encrypt":false,"Content":"{\"ChanId\":\"`+rtmChannel+`\",\"FromUId\":\"`...)
	out = append(out, uid...)
	out = append(out, `\",\"MsgId\":`...)
	out = strconv.AppendInt(out, firstMessageID+m.seq, 10)
	out = append(out, `,\"MsgType\":1,\"MsgBody\":\"`...)
	out = p.append(out, m)
	return append(out, `\",\"HistoryMsg\":false,\"Desc\":\"\"}"}`...)
}

// The fields of contents that are looked for, as they stand in a frame.
const (
	chanIDField    = `ChanId\":`
	fromField      = `FromUId\":`
	messageIDField = `MsgId\":`
	bodyField      = `MsgBody\":`
	userIDField    = `UserId\":`
)

// frameField finds a field of a frame's content: a number, or a string in which nothing
// is escaped. It is nil where there is none.
func frameField(frame []byte, field string) []byte {
	_, value, found := bytes.Cut(frame, []byte(field))
	if !found {
		return nil
	}
	value = bytes.TrimPrefix(value, []byte(`\"`))
	end := bytes.IndexAny(value, `\,}`)
	return value[:max(end, 0)]
}

// frameCommand finds what a frame is called.
func frameCommand(frame []byte) string {
	_, rest, _ := bytes.Cut(frame, []byte(`"Cmd":"`))
	command, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(command)
}

// masked is a text as a client sends it.
func masked(text []byte) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(text)))
}

// cutFrame takes the first frame off what a server has sent; rest is all of it where
// the frame is not complete yet.
func cutFrame(data []byte) (code ws.OpCode, frame, rest []byte, ok bool, err error) {
	if len(data) < 2 {
		return 0, nil, data, false, nil
	}
	if data[0]&0xf0 != 0x80 || data[1]&0x80 != 0 {
		return 0, nil, data, false, fmt.Errorf("a frame in pieces, with extensions or masked: %x", data[:2])
	}
	header, size := 2, uint64(data[1])
	switch {
	case size == 126 && len(data) >= 4:
		header, size = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case size == 127 && len(data) >= 10:
		header, size = 10, binary.BigEndian.Uint64(data[2:])
	case size >= 126:
		return 0, nil, data, false, nil
	}
	if size > maxFrame {
		return 0, nil, data, false, fmt.Errorf("a frame of %d bytes", size)
	}
	if uint64(len(data)-header) < size {
		return 0, nil, data, false, nil
	}
	end := header + int(size)
	return ws.OpCode(data[0] & 0x0f), data[header:end], data[end:], true, nil
}
