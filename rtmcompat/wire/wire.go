// Package wire writes and reads the frames between the client SDK of RTM and the
// server, without I/O. Each is a WebSocket text message
//
//	{"Cmd":"<name>","Encrypt":false,"Content":"<JSON in a string>"}
//
// where Content is there and is JSON in every frame of the server, since every listener
// of the SDK parses it.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Frame writes a frame. The content must be something encoding/json can write; nil
// stands for {}. It panics if it cannot be written, which is a mistake of the program.
// Whoever gets the frame may share it, as long as nobody changes it.
func Frame(cmd string, content any) []byte {
	inner := []byte("{}")
	if content != nil {
		inner = marshal(content)
	}
	// A body is quoted in content that is quoted: about every tenth byte is escaped.
	out := make([]byte, 0, len(inner)+len(inner)/8+len(cmd)+64)
	out = append(out, `{"Cmd":`...)
	out = append(out, marshal(cmd)...)
	out = append(out, `,"Encrypt":false,"Content":"`...)
	out = appendEscaped(out, inner)
	return append(out, `"}`...)
}

// marshal writes a value as JSON. It leaves <, > and & as they are, since each would
// become seven bytes once quoted.
func marshal(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("wire: a content of type %T cannot be written", value))
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// appendEscaped appends what encoding/json has written as it stands within a string.
// There is nothing to escape in it but quotes and backslashes: control characters have
// been, and it is UTF-8.
func appendEscaped(out, written []byte) []byte {
	done := 0
	for i, c := range written {
		if c == '"' || c == '\\' {
			out = append(out, written[done:i]...)
			out = append(out, '\\')
			done = i
		}
	}
	return append(out, written[done:]...)
}

// Parse reads a frame. The content is as the client wrote it: it may be empty (that of
// Logout is), and need not be JSON.
func Parse(data []byte) (cmd string, content []byte, err error) {
	if cmd, content, ok := cut(data); ok {
		return cmd, content, nil
	}
	var frame struct {
		Cmd     string
		Content string
	}
	if err := json.Unmarshal(data, &frame); err != nil {
		return "", nil, errors.New("not a frame") // the error of encoding/json may quote what it read
	}
	if frame.Cmd == "" {
		return "", nil, errors.New("a frame without Cmd")
	}
	return frame.Cmd, []byte(frame.Content), nil
}
