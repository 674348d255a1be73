package rtmcompat_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/rtmcompat"
	"github.com/chappe-im/chappe/storage/sqlite"
)

// The sections of what the vendors' documents ask for. The tests of each file have most of
// it; here are the rules that no other test asks for.
const (
	basics         = "1 basics"
	authentication = "2 authentication"
	names          = "3 names"
	channelSection = "5 channel messages"
	historySection = "7 history"
	eventsSection  = "8 events"
	errorsSection  = "10 errors"
	decisionD5     = "14 D5, spaces around names"
	decisionD7     = "14 D7, unknown app"
	decisionD8     = "14 D8, booleans"
)

// A rule is a request and its answer.
type rule struct {
	section, name string
	request       *http.Request
	status        int
	code          string
}

func TestEveryRuleOfTheContractIsKept(t *testing.T) {
	r := newRig(t)
	var rules []rule
	for _, more := range [][]rule{nameRules(), payloadRules(), bodyRules(), tokenRules(t), callRules()} {
		rules = append(rules, more...)
	}
	for _, rule := range rules {
		t.Run(rule.section+", "+rule.name, func(t *testing.T) {
			a := r.do(rule.request)
			a.want(t, rule.status, rule.code)
			if challenged := a.header.Get("WWW-Authenticate") != ""; challenged != (rule.status == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
			}
			if told := a.header.Get("Allow") != ""; told != (rule.status == http.StatusMethodNotAllowed) {
				t.Errorf("Allow is %q", a.header.Get("Allow"))
			}
		})
	}
}

// taken and refused are rules for a message from alice to a channel.
func taken(section, name string, body string) rule {
	return rule{section, name, request(channelPath("alice"), body), http.StatusOK, "message_sent"}
}

func refused(section, name string, body string) rule {
	return rule{section, name, request(channelPath("alice"), body), http.StatusBadRequest, "invalid_parameter"}
}

func nameRules() (rules []rule) {
	channel := func(name string) string { return channelBody("channel_name", name) }
	for c := range 128 {
		is := refused
		if strings.ContainsRune(allowedInUIDs, rune(c)) {
			is = taken
		}
		rules = append(rules, is(names, fmt.Sprintf("channel %q", rune(c)), channel(string(rune(c)))))
	}
	rules = append(rules,
		taken(names, "channel of 64", channel(strings.Repeat("~", 64))),
		refused(names, "channel of 65", channel(strings.Repeat("~", 65))),
		refused(names, "channel of 64 in two bytes each", channel(strings.Repeat("é", 64))),
		taken(names, "channel with an apostrophe", channel("ann's")),
		taken(names, "channel ..", channel("..")),
		taken(names, "channel null", channel("null")),
		refused(names, "channel a Matrix user ID of 65", channel("@"+strings.Repeat("x", 52)+":"+serverName)),
		taken(decisionD5, "channel begins with a space", channel(" room")),
		taken(decisionD5, "channel ends with a space", channel("room ")),
	)
	for _, path := range []func(uid string) string{channelPath, peerPath} {
		for uid, status := range map[string]int{
			"a": 200, strings.Repeat("a", 64): 200, strings.Repeat("a", 65): 400, "": 400,
			".": 200, "..": 200, "ann's": 200, "a b": 200, "a+b": 200, "%": 200, "a/b": 400, `a"b`: 400,
			" a": 400, "a ": 400, " ": 400,
		} {
			code := map[int]string{200: "message_sent", 400: "invalid_parameter"}[status]
			rules = append(rules, rule{names, "sender " + path(uid), request(path(uid), channelBody()), status, code})
		}
	}
	return rules
}

func payloadRules() []rule {
	payload := func(payload any) string { return channelBody("payload", payload) }
	return []rule{
		taken(channelSection, "payload of 1", payload("x")),
		refused(channelSection, "payload of 0", payload("")),
		taken(channelSection, "payload of 32768", payload(strings.Repeat("x", 32768))),
		refused(channelSection, "payload of 32769", payload(strings.Repeat("x", 32769))),
		taken(channelSection, "payload of 16384 times 2", payload(strings.Repeat("é", 16384))),
		refused(channelSection, "payload of 16384 times 2 and 1", payload(strings.Repeat("é", 16384)+"x")),
		taken(channelSection, "payload a space", payload(" ")),
		taken(channelSection, "payload NUL", payload("\x00")),
		refused(channelSection, "payload null", payload(nil)),
		refused(channelSection, "payload a number", payload(7)),
		refused(channelSection, "payload half a pair", `{"channel_name":"room","payload":"\ud800"}`),
		refused(channelSection, "no payload", `{"channel_name":"room"}`),
	}
}

func bodyRules() (rules []rule) {
	rules = []rule{
		taken(channelSection, "least", `{"channel_name":"room","payload":"x"}`),
		taken(channelSection, "unknown fields", channelBody("offSet", 1, "destination", nil, "enable_offline_messaging", "yes")),
		{channelSection, "no parameters", request(channelPath("alice")+"?wait_for_ack=perhaps&x", channelBody()), 200, "message_sent"},
		refused(channelSection, "no channel", `{"payload":"x"}`),
		refused(channelSection, "channel a number", channelBody("channel_name", 7)),
		refused(basics, "channel under another case", `{"Channel_name":"room","payload":"x"}`),
		refused(basics, "payload under another case", `{"channel_name":"room","Payload":"x"}`),
		refused(basics, "no JSON", "channel_name=room"),
		refused(basics, "a list", "[]"),
	}
	const flag = "enable_historical_messaging"
	for value, is := range map[string]func(string, string, string) rule{
		`true`: taken, `false`: taken,
		`"true"`: refused, `"false"`: refused, `1`: refused, `0`: refused, `null`: refused, `""`: refused,
	} {
		rules = append(rules, is(decisionD8, flag+" "+value, `{"channel_name":"room","payload":"x","`+flag+`":`+value+`}`))
	}
	return append(rules, taken(basics, flag+" under another case", channelBody(strings.ToUpper(flag), 1)))
}

func tokenRules(t *testing.T) (rules []rule) {
	for _, format := range formats {
		mine, bobs := token(t, format, "alice"), token(t, format, "bob")
		with := func(name string, status int, headers ...string) {
			code := map[int]string{good: "message_sent", bad: "unauthorized"}[status]
			rules = append(rules, rule{authentication, string(format) + " " + name, requestWith(channelPath("alice"), channelBody(), headers...), status, code})
		}
		with("anyRTC names", good, "x-ar-token", mine, "x-ar-uid", "alice")
		with("Agora names", good, "x-agora-token", mine, "x-agora-uid", "alice")
		with("without uid", bad, "x-ar-token", mine)
		with("under another uid", bad, "x-ar-token", mine, "x-ar-uid", "bob")
		with("of another user", bad, "x-ar-token", bobs, "x-ar-uid", "bob")
		with("two values", bad, "x-ar-token", mine, "x-ar-uid", "alice", "x-agora-token", bobs)
	}
	return rules
}

// A restCall is an endpoint and a good request for it.
type restCall struct{ name, method, path, body string }

func restCalls() []restCall {
	const base = "/dev/v2/project/" + appID + "/rtm"
	return []restCall{
		{"peer_messages", "POST", peerPath("alice"), object()},
		{"channel_messages", "POST", channelPath("alice"), channelBody()},
		{"user_events", "GET", base + "/vendor/user_events", ""},
		{"channel_events", "GET", base + "/vendor/channel_events", ""},
		{"history/query", "POST", base + "/message/history/query", query(filter("source", "ann"))},
		{"history/query/{handle}", "GET", base + "/message/history/query/x", ""},
		{"history/count", "GET", base + "/message/history/count?source=ann&start_time=2000-01-01T00:00:00Z&end_time=2001-01-01T00:00:00Z", ""},
	}
}

// request makes the request, with a key of the app.
func (c restCall) request() *http.Request {
	r := request(c.path, c.body)
	r.Method = c.method
	return r
}

// callRules are what holds for all calls.
func callRules() (rules []rule) {
	for _, c := range restCalls() {
		add := func(section, name string, status int, code string, change func(r *http.Request)) {
			r := c.request()
			change(r)
			rules = append(rules, rule{section, c.name + " " + name, r, status, code})
		}
		add(authentication, "without credentials", 401, "unauthorized", func(r *http.Request) { r.Header.Del("Authorization") })
		add(authentication, "wrong secret", 401, "unauthorized", func(r *http.Request) { r.SetBasicAuth("key", "guess") })
		add(authentication, "key of another app", 401, "unauthorized", func(r *http.Request) { r.SetBasicAuth("other", "other secret") })
		add(authentication, "broken token", 401, "unauthorized", func(r *http.Request) { r.Header.Set("Authorization", "agora token=007x") })
		add(decisionD7, "with a key of another", 401, "app_not_found", func(r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, appID, strings.Repeat("0", 32), 1)
		})
		add(basics, "in upper case", 404, "not_found", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/rtm/", "/RTM/", 1) })
		add(errorsSection, "PUT", 405, "method_not_allowed", func(r *http.Request) { r.Method = http.MethodPut })
		if c.method == http.MethodPost {
			add(errorsSection, "of text", 415, "unsupported_media_type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
			add(errorsSection, "as GET", 405, "method_not_allowed", func(r *http.Request) { r.Method = http.MethodGet })
		} else {
			add(errorsSection, "as POST", 405, "method_not_allowed", func(r *http.Request) { r.Method = http.MethodPost })
		}
	}
	events := httptest.NewRequest(http.MethodGet, "/dev/v2/project/"+appID+"/rtm/vendor/user_events/", nil)
	return append(rules, rule{eventsSection, "with a slash behind it", events, 404, "not_found"},
		rule{historySection, "unknown handle", restCalls()[5].request(), 404, "not_found"})
}

// Section 11. A rate that is another's would not be noticed where all are alike.
func TestEachCallIsHeldToItsOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		apps := testApps()
		apps[0].Rates = rtmcompat.Rates{PeerMessages: 5, ChannelMessages: 4, Events: 2, History: 3}
		r := newRigWith(t, sqlite.Options{}, rtmcompat.Config{Apps: apps, Limits: rtmcompat.NewLimits(prometheus.NewRegistry())}, nil)
		rates := map[string]int{"peer_messages": 5, "channel_messages": 4, "user_events": 2, "channel_events": 2,
			"history/query": 3, "history/query/{handle}": 3, "history/count": 3}
		for _, c := range restCalls() {
			for n := range rates[c.name] {
				if a := r.do(c.request()); a.status == http.StatusTooManyRequests {
					t.Errorf("%s was refused after %d times", c.name, n)
				}
			}
			a := r.do(c.request())
			a.want(t, http.StatusTooManyRequests, "rate_limited")
			if a.header.Get("Retry-After") != "1" {
				t.Errorf("%s: Retry-After is %q", c.name, a.header.Get("Retry-After"))
			}
		}
	})
}

// Section 7: what is sent to a channel is kept if that was asked for.
func TestAChannelMessageIsInTheHistoryWhereThatWasAskedFor(t *testing.T) {
	r := newRig(t)
	for payload, kept := range map[string]any{"kept": true, "not kept": false} {
		body := channelBody("payload", payload, "enable_historical_messaging", kept)
		r.do(request(channelPath("Ann"), body)).want(t, http.StatusOK, "message_sent")
	}
	r.do(request(channelPath("Ann"), channelBody())).want(t, http.StatusOK, "message_sent")
	if got := strings.Join(r.history("", query(filter("destination", "room"))), "|"); got != "Ann>room:kept" {
		t.Errorf("the history has %q", got)
	}
}

// Decision D3, for a repetition as for the first time: no receipt comes back from other
// servers.
func TestARepeatedMessageToAnotherServerIsSentAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 2 {
			began := time.Now()
			a := r.do(keyed("k", waitForAck, object("destination", "@bob:example.org")))
			a.want(t, http.StatusOK, "message_sent")
			if took := time.Since(began); took != 0 {
				t.Errorf("the answer came after %v", took)
			}
		}
	})
}
