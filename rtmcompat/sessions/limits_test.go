package sessions

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/ratelimit"
)

func TestClientMayDoWhatTheVendorsDocumentAndNoMore(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  ratelimit.Limit
		atOnce int
		next   time.Duration // when one more may be done
	}{
		{"messages, 180 in 3 s", limits[sending], 180, time.Second / 60},
		{"members, 5 in 2 s", limits[listing], 5, 2 * time.Second / 5},
		{"counts, 1 in 1 s", limits[counting], 1, time.Second},
		{"queries, 10 in 5 s", limits[querying], 10, time.Second / 2},
		{"subscriptions, 10 in 5 s", limits[subscribing], 10, time.Second / 2},
		{"writing of user attributes, 10 in 5 s", limits[writingUser], 10, time.Second / 2},
		{"reading of user attributes, 40 in 5 s", limits[readingUser], 40, time.Second / 8},
		{"writing of channel attributes, 10 in 5 s", limits[writingChannel], 10, time.Second / 2},
		{"reading of channel attributes, 10 in 5 s", limits[readingChannel], 10, time.Second / 2},
		{"renewals, 2 in 1 s", limits[renewing], 2, time.Second / 2},
		{"frames", frameLimit, 1000, time.Second / 200},
	} {
		var done ratelimit.Bucket
		now := time.Unix(1_700_000_000, 0)
		for i := range c.atOnce {
			if done.Take(c.limit, now) != 0 {
				t.Fatalf("%s: %d at once are refused", c.name, i+1)
			}
		}
		if done.Take(c.limit, now) == 0 {
			t.Errorf("%s: %d at once are let through", c.name, c.atOnce+1)
		}
		// Two nanoseconds are what rounding may make of it.
		if done.Take(c.limit, now.Add(c.next-2)) == 0 {
			t.Errorf("%s: one more before %v", c.name, c.next)
		}
		if done.Take(c.limit, now.Add(c.next)) != 0 {
			t.Errorf("%s: none more after %v", c.name, c.next)
		}
	}
}

// exhaust has a client do something as often as it may, and more than time gives back.
func (ss *session) exhaust(d deed) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for ss.done[d].Take(limits[d], time.Now().Add(time.Hour)) == 0 {
	}
}

func TestWhatIsDoneTooOftenIsRefused(t *testing.T) {
	r := newRig(t)
	ann, bob := r.login("ann", "1"), r.login("bob", "1")
	bob.fetch()
	r.meet("room", ann)
	for _, c := range []struct {
		deed         deed
		cmd, content string
		answer       string // the command of the answer
		key          string // and what tells whether it was refused
		done, refuse any
	}{
		{sending, "SendMsgToPeer", `{"MsgId":1,"ToUId":"bob","MsgType":1,"MsgBody":"x"}`, "MsgStatus", "Status", 1.0, 0.0},
		{sending, "SendChannelMsg", `{"MsgId":1,"ChanId":"room","MsgType":1,"MsgBody":"x"}`, "", "Code", 0.0, 3.0},
		{listing, "GetChanMembers", `{"MsgId":1,"ChanId":"room"}`, "", "Code", 0.0, 4.0},
		{counting, "GetChanMemberSize", `{"MsgId":1,"ChanIds":"[\"room\"]"}`, "", "Code", 0.0, 3.0},
		{querying, "QueryOnlineStatus", `{"MsgId":1,"UserIds":"[\"bob\"]"}`, "", "Status", []any{map[string]any{"UserId": "bob", "Online": 1}}, []any{}},
		{subscribing, "SubscribeOnlineStatus", `{"MsgId":1,"UserIds":"[\"bob\"]"}`, "", "Code", 0.0, 4.0},
		{writingUser, "AddOrUpdateUserAttributes", `{"MsgId":1,"Attributes":"{\"k\":\"v\",\"l\":\"w\"}"}`, "", "Code", 0.0, 5.0},
		{writingUser, "DeleteUserAttributes", `{"MsgId":1,"Keys":"[\"l\"]"}`, "", "Code", 0.0, 5.0},
		{readingUser, "GetUserAttributes", `{"MsgId":1,"UserId":"ann"}`, "QueryAttribKeys", "Attribs", `{"k":"v"}`, `{}`},
		{writingUser, "ClearUserAttributes", `{"MsgId":1}`, "", "Code", 0.0, 5.0},
		{writingChannel, "AddOrUpdateChanAttributes", `{"MsgId":1,"ChanId":"room","Attributes":"{\"k\":\"v\"}"}`, "", "Code", 0.0, 5.0},
		{writingChannel, "DeleteChanAttributes", `{"MsgId":1,"ChanId":"room","Keys":"[\"k\"]"}`, "", "Code", 0.0, 5.0},
		{writingChannel, "ClearChanAttributes", `{"MsgId":1,"ChanId":"room"}`, "", "Code", 0.0, 5.0},
		{readingChannel, "GetChanAttributes", `{"MsgId":1,"ChanId":"room"}`, "", "Code", 0.0, 5.0},
		{readingChannel, "GetChanAttributesByKeys", `{"MsgId":1,"ChanId":"room","Keys":"[\"k\"]"}`, "", "Code", 0.0, 5.0},
	} {
		if c.answer == "" {
			c.answer = c.cmd
		}
		ss := ann.session()
		before := ss.usage()
		for _, want := range []any{c.done, c.refuse} {
			ann.send(c.cmd, json.RawMessage(c.content))
			if got := ann.await(c.answer); fmt.Sprint(got.content[c.key]) != fmt.Sprint(want) {
				t.Errorf("%s: got %s, want %v", c.cmd, got.raw, want)
			}
			ss.exhaust(c.deed)
		}
		ss.mu.Lock()
		ss.done = before
		ss.mu.Unlock()
	}
}

func (ss *session) usage() usage {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.done
}

func TestTokenIsNotRenewedTooOften(t *testing.T) {
	r := newRig(t)
	ss := r.login("bob", "1").session()
	ss.exhaust(renewing)
	before := ss.tokenEnd()
	ss.renewToken(struct{ AcsToken string }{r.token("bob", 2*time.Hour)})
	if !ss.tokenEnd().Equal(before) {
		t.Error("renewed all the same")
	}
}

// names gives so many names as JSON.
func names(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("user-%d", i)
	}
	text, _ := json.Marshal(all) // of strings
	return string(text)
}

func TestOneCallMayBeSoLargeAndNoLarger(t *testing.T) {
	r := newRig(t)
	ann := r.login("ann", "1")
	ask := func(cmd string, content map[string]any) map[string]any {
		ss := ann.session()
		ss.mu.Lock()
		ss.done = usage{}
		ss.mu.Unlock()
		content["MsgId"] = 1
		ann.send(cmd, content)
		return ann.await(cmd).content
	}
	for n, want := range map[int]float64{32: 0, 33: countTooMany} {
		if got := ask("GetChanMemberSize", map[string]any{"ChanIds": names(n)}); got["Code"] != want {
			t.Errorf("%d counts: %v, want %v", n, got["Code"], want)
		}
	}
	for n, want := range map[int]int{256: 256, 257: 0} {
		if got := ask("QueryOnlineStatus", map[string]any{"UserIds": names(n)})["Status"].([]any); len(got) != want {
			t.Errorf("%d queries: %d answers, want %d", n, len(got), want)
		}
	}
	for _, c := range []struct {
		n    int
		want float64
	}{{513, watchTooMany}, {512, 0}, {512, 0}, {513, watchTooMany}} {
		if got := ask("SubscribeOnlineStatus", map[string]any{"UserIds": names(c.n)}); got["Code"] != c.want {
			t.Errorf("%d subscriptions: %v, want %v", c.n, got["Code"], c.want)
		}
	}
	if got := ask("SubscribeOnlineStatus", map[string]any{"UserIds": `["one-more"]`}); got["Code"] != float64(watchTooMany) {
		t.Errorf("one subscription more: %v", got["Code"])
	}
	ask("UnSubscribeOnlineStatus", map[string]any{"UserIds": names(1)})
	if got := ask("SubscribeOnlineStatus", map[string]any{"UserIds": `["one-more"]`}); got["Code"] != 0.0 {
		t.Errorf("one subscription in the place of another: %v", got["Code"])
	}
}

func TestAttributesOfAUserMayBeSoLargeAndNoLarger(t *testing.T) {
	many := func(n, size int) map[string]string { // each of size bytes, name and value together
		all := make(map[string]string, n)
		for i := range n {
			all[fmt.Sprintf("k%03d", i)] = strings.Repeat("v", size-4)
		}
		return all
	}
	with := func(all map[string]string, key, value string) map[string]string {
		all = maps.Clone(all)
		all[key] = value
		return all
	}
	for _, c := range []struct {
		name    string
		changes map[string]string
		want    int
	}{
		{"a key of 32 bytes", map[string]string{strings.Repeat("k", 32): "v"}, 0},
		{"a key of 33 bytes", map[string]string{strings.Repeat("k", 33): "v"}, attributeTooLarge},
		{"a key of 33 bytes in 11 characters", map[string]string{strings.Repeat("電", 11): "v"}, attributeTooLarge},
		{"a value of 8 KiB", map[string]string{"k": strings.Repeat("v", 8192)}, 0},
		{"a value of more", map[string]string{"k": strings.Repeat("v", 8193)}, attributeTooLarge},
		{"16 KiB in all", many(32, 512), 0},
		{"more in all", with(many(31, 512), "k", strings.Repeat("v", 512)), attributeTooLarge},
		{"32 in one call", many(32, 8), 0},
		{"33 in one call", many(33, 8), attributeTooLarge},
		{"no name", map[string]string{"": "v"}, attributeInvalid},
		{"no value", map[string]string{"k": ""}, attributeInvalid},
	} {
		ss := &session{}
		if got := ss.changeAttributes(c.changes, false); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if kept := len(ss.attributes); (kept != 0) != (c.want == 0) {
			t.Errorf("%s: %d are kept", c.name, kept)
		}
	}
	ss := &session{attributes: many(32, 508)}
	if got := ss.changeAttributes(map[string]string{"more": strings.Repeat("v", 125)}, false); got != attributeTooLarge {
		t.Errorf("one byte over 16 KiB with those before: %d", got)
	}
	if got := ss.changeAttributes(map[string]string{"more": strings.Repeat("v", 124)}, false); got != 0 {
		t.Errorf("16 KiB with those before: %d", got)
	}
}
