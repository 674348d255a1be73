package sessions

import (
	"encoding/json"
	"testing"
)

// An acknowledgement that is read the short way is the one JSON says it is, and the SDK's are.
func FuzzCutAcknowledgement(f *testing.F) {
	if id, ok := cutAcknowledgement([]byte(`{"MsgId":1699999999999,"FromUId":"ann"}`)); !ok || id != 1699999999999 {
		f.Errorf("the SDK's is read as %d (%v)", id, ok)
	}
	for _, content := range []string{
		`{"MsgId":1,"FromUId":"ann"}`, `{"MsgId":01,"FromUId":""}`, `{"MsgId":+1,"FromUId":""}`, `{"MsgId":1,"FromUId":"\"}`,
		"{\"MsgId\":1,\"FromUId\":\"\n\"}", `{"MsgId":99999999999999999999,"FromUId":""}`, `{"MsgId":1,"FromUId":"","MsgId":2}`,
	} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		id, ok := cutAcknowledgement(content)
		if !ok {
			return
		}
		var want struct{ MsgId int64 }
		if err := json.Unmarshal(content, &want); err != nil || id != want.MsgId {
			t.Errorf("%q is read as %d, JSON says %d (%v)", content, id, want.MsgId, err)
		}
	})
}
