package sessions

import (
	"strings"
	"testing"
)

func TestChannelAttributesAreSeenByAllAndMembersHearOfThem(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	ann.send("JoinChannel", map[string]any{"ChanId": "room"})
	ann.await("JoinChannel")
	change := func(cmd string, content map[string]any, want float64) {
		t.Helper()
		content["MsgId"], content["ChanId"] = 1, "room"
		bob.send(cmd, content)
		if got := bob.await(cmd).content; got["Code"] != want || got["MsgId"] != 1.0 {
			t.Errorf("%s: %v, want %v", cmd, got, want)
		}
	}
	sees := func(cmd, keys string, want ...string) {
		t.Helper()
		bob.send(cmd, map[string]any{"MsgId": 2, "ChanId": "room", "Keys": keys})
		got := bob.await(cmd).content
		text, _ := got["Attributes"].(string)
		if got["Code"] != 0.0 || strings.Count(text, `"Key"`) != len(want) {
			t.Errorf("%s: %v, want %q", cmd, got, want)
		}
		for _, attribute := range want {
			if !strings.Contains(text, attribute) {
				t.Errorf("%s: %s is not in %s", cmd, attribute, text)
			}
		}
	}
	a, b := `{"Key":"a","Val":"1","UId":"bob","Time":1`, `{"Key":"b","Val":"2","UId":"bob","Time":1`
	sees("GetChanAttributes", "")
	change("AddOrUpdateChanAttributes", map[string]any{"SetChan": true, "Attributes": `{"a":"1"}`}, 0)
	ann.wantNoMore("ChanAttribChanged")
	change("AddOrUpdateChanAttributes", map[string]any{"Attributes": `{"b":"2"}`, "Notify": true}, 0)
	told := ann.await("ChanAttribChanged").content
	if list, ok := told["Attributes"].([]any); told["ChanId"] != "room" || !ok || len(list) != 2 {
		t.Errorf("ann was told %v", told)
	}
	sees("GetChanAttributes", "", a, b)
	sees("GetChanAttributesByKeys", `["b","c"]`, b)
	change("DeleteChanAttributes", map[string]any{"Keys": `["a"]`, "Notify": true}, 0)
	ann.await("ChanAttribChanged")
	sees("GetChanAttributes", "", b)
	change("AddOrUpdateChanAttributes", map[string]any{"Attributes": `{"b":""}`}, attributeInvalid)
	change("AddOrUpdateChanAttributes", map[string]any{"Attributes": `[]`}, attributeInvalid)
	change("AddOrUpdateChanAttributes", map[string]any{"Attributes": `{"b":"` + strings.Repeat("v", 8193) + `"}`}, attributeTooLarge)
	change("ClearChanAttributes", map[string]any{"Notify": true}, 0)
	if list, ok := ann.await("ChanAttribChanged").content["Attributes"].([]any); !ok || len(list) != 0 {
		t.Errorf("ann was told %v", list)
	}
	sees("GetChanAttributes", "")
}
