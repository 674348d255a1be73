package wire

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFrameIsWrittenAsTheSDKReadsIt(t *testing.T) {
	for _, c := range []struct {
		content any
		want    string
	}{
		{nil, `{"Cmd":"Login","Encrypt":false,"Content":"{}"}`},
		{struct{}{}, `{"Cmd":"Login","Encrypt":false,"Content":"{}"}`},
		{struct {
			Code   int
			UserId string
		}{0, `a"b<&>`}, `{"Cmd":"Login","Encrypt":false,"Content":"{\"Code\":0,\"UserId\":\"a\\\"b<&>\"}"}`},
		{map[string]int64{"MsgId": 1699999999999}, `{"Cmd":"Login","Encrypt":false,"Content":"{\"MsgId\":1699999999999}"}`},
		{json.RawMessage("{ \"a\":\n1 }"), `{"Cmd":"Login","Encrypt":false,"Content":"{\"a\":1}"}`},
	} {
		if got := string(Frame("Login", c.content)); got != c.want {
			t.Errorf("the frame of %v is %s, want %s", c.content, got, c.want)
		}
	}
}

func TestContentThatCannotBeWrittenIsAMistakeOfTheProgram(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel was written as JSON")
		}
	}()
	Frame("Login", make(chan int))
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ data, cmd, content string }{
		{`{"Cmd":"Login","AppId":"a","Encrypt":false,"Content":"{\"UserId\":\"ann\"}"}`, "Login", `{"UserId":"ann"}`},
		{`{"Cmd":"Logout","Encrypt":false,"Content":""}`, "Logout", ""},
		{`{"Cmd":"RenewAcsToken","Content":"{}"}`, "RenewAcsToken", "{}"},
		{`{"Cmd":"KeepAlive"}`, "KeepAlive", ""},
		{`{"Cmd":"KeepAlive","Content":"no JSON"}`, "KeepAlive", "no JSON"},
	} {
		cmd, content, err := Parse([]byte(c.data))
		if err != nil || cmd != c.cmd || string(content) != c.content {
			t.Errorf("%s is %s %s, %v", c.data, cmd, content, err)
		}
	}
	for _, bad := range []string{``, `null`, `{}`, `[]`, `{"Cmd":""}`, `{"Cmd":1}`, `{"Cmd":"a","Content":{}}`, `{"Cmd":"a"}}`, `{"Cmd":"s3cr3t`} {
		if _, _, err := Parse([]byte(bad)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What a stranger wrote into a frame comes out of the frame that is made of it.
func FuzzFrame(f *testing.F) {
	f.Add("RecvMsgFromChan", `a "quoted" \ body`)
	f.Add("", "\x00\u2028<\xff")
	f.Fuzz(func(t *testing.T, cmd, body string) {
		frame := Frame(cmd, struct{ MsgBody string }{body})
		if !json.Valid(frame) {
			t.Fatalf("not JSON: %q", frame)
		}
		gotCmd, content, err := Parse(frame)
		if cmd == "" {
			return
		}
		var got struct{ MsgBody string }
		if err != nil || json.Unmarshal(content, &got) != nil {
			t.Fatalf("%q cannot be read: %v", frame, err)
		}
		if utf8.ValidString(cmd) && gotCmd != cmd || utf8.ValidString(body) && got.MsgBody != body {
			t.Fatalf("%q %q came back as %q %q", cmd, body, gotCmd, got.MsgBody)
		}
	})
}

// The SDK's frames are read the short way, which says of them what JSON says.
func FuzzParse(f *testing.F) {
	for _, data := range []string{
		`{"Cmd":"Login","AppId":"a","Encrypt":false,"Content":"{\"UserId\":\"a\\\\\\\"\"}"}`,
		`{"Cmd":"KeepAlive","Encrypt":false,"Content":"ä"}`,
		`{"Cmd":"Logout","Content":""}`,
	} {
		if _, _, ok := cut([]byte(data)); !ok {
			f.Errorf("%s is not read the short way", data)
		}
		f.Add([]byte(data))
	}
	for _, data := range []string{
		`{"Cmd":"a","Content":"\n"}`, `{"Cmd":"a","Content":"b"c"}`, `{"Cmd":"a","Content":"b\"}`, `{"Cmd":"a\u0062","Content":""}`,
		"{\"Cmd\":\"a\",\"Content\":\"\xff\"}", `{"Cmd":"a","Content":"","Cmd":"b"}`, `{"Cmd":"a","Content":""} `, `{"Cmd":"a","Encrypt":true,"Content":""}`,
	} {
		if _, _, ok := cut([]byte(data)); ok {
			f.Errorf("%s is read the short way", data)
		}
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cmd, content, err := Parse(data)
		if (cmd == "") != (err != nil) {
			t.Fatalf("%q is %q, %v", data, cmd, err)
		}
		if _, _, ok := cut(data); !ok {
			return
		}
		var frame struct{ Cmd, Content string }
		if json.Unmarshal(data, &frame) != nil || frame.Cmd != cmd || frame.Content != string(content) {
			t.Fatalf("%q is %q %q, want %q %q", data, cmd, content, frame.Cmd, frame.Content)
		}
	})
}
