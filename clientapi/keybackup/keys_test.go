package keybackup_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestKeysAreGivenAsTheyWereUploaded(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	odd := `{"first_message_index":4294967295,"forwarded_count":0,"is_verified":true,"session_data":{"n":9007199254740993,"z":1,"a":""}}`
	d.want(http.MethodPut, "keys?version=1", `{"rooms":{"!b":{"sessions":{}},"!a/ä":{"sessions":{"s+/1":`+key("a1")+`,"s2":`+odd+`}}}}`, 200, `{"etag":"1","count":2}`)
	d.want(http.MethodPut, "keys/%21b?version=1", `{"sessions":{"s1":`+key("b1")+`}}`, 200, `{"etag":"2","count":3}`)
	d.want(http.MethodPut, "keys/!a%2F%C3%A4/s%2F3?version=1", key("a3"), 200, `{"etag":"3","count":4}`)

	inA := `{"sessions":{"s+/1":` + key("a1") + `,"s/3":` + key("a3") + `,"s2":` + odd + `}}`
	inB := `{"sessions":{"s1":` + key("b1") + `}}`
	d.want(http.MethodGet, "keys?version=1", "", 200, `{"rooms":{"!a/ä":`+inA+`,"!b":`+inB+`}}`)
	d.want(http.MethodGet, "keys/!a%2F%C3%A4?version=1", "", 200, inA)
	d.want(http.MethodGet, "keys/!b?version=1", "", 200, inB)
	d.want(http.MethodGet, "keys/!c?version=1", "", 200, `{"sessions":{}}`)
	d.want(http.MethodGet, "keys/!a%2F%C3%A4/s2?version=1", "", 200, odd)
	d.refuse(http.MethodGet, "keys/!b/s2?version=1", "", 404, "M_NOT_FOUND")
	d.refuse(http.MethodGet, "keys/!b/s1?version=2", "", 404, "M_NOT_FOUND")
	for _, path := range []string{"keys?version=1", "keys/!b?version=1", "keys/!b/s1?version=1"} {
		if w := d.do("bob", http.MethodGet, path, ""); w.Code != 404 {
			t.Errorf("bob was shown alice's %s: %s", path, w.Body)
		}
	}
}

func TestBetterKeyOfASessionIsKept(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	etag := 0
	var kept string
	for _, step := range []struct {
		verified         bool
		index, forwarded int
		better           bool
	}{
		{false, 5, 5, true},
		{false, 5, 5, false}, // as good
		{false, 6, 0, false},
		{false, 5, 6, false},
		{false, 5, 4, true},
		{false, 4, 9, true},
		{true, 9, 9, true},
		{false, 0, 0, false},
		{true, 9, 9, false},
		{true, 8, 10, true},
	} {
		key := fmt.Sprintf(`{"first_message_index":%d,"forwarded_count":%d,"is_verified":%v,"session_data":{"from":%q}}`,
			step.index, step.forwarded, step.verified, fmt.Sprint(step))
		if step.better {
			kept = key
			etag++
		}
		d.want(http.MethodPut, "keys/!r/s?version=1", key, 200, fmt.Sprintf(`{"etag":"%d","count":1}`, etag))
		d.want(http.MethodGet, "keys/!r/s?version=1", "", 200, kept)
		d.state("1", "1", fmt.Sprint(etag))
	}
}

func TestOfTwoUploadsAtOnceTheBetterKeyIsKept(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	for round := range 20 {
		path := fmt.Sprintf("keys/!r/%d?version=1", round)
		var uploads sync.WaitGroup
		for n := range 8 {
			uploads.Go(func() {
				body := fmt.Sprintf(`{"first_message_index":%d,"forwarded_count":0,"is_verified":false,"session_data":{}}`, (n+round)%8)
				if w := d.do("alice", http.MethodPut, path, body); w.Code != 200 {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
			})
		}
		uploads.Wait()
		d.want(http.MethodGet, path, "", 200, `{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{}}`)
	}
	if w := d.do("alice", http.MethodGet, "version", ""); !strings.Contains(w.Body.String(), `"count":20,`) {
		t.Errorf("got %s", w.Body)
	}
}

func TestKeysGoIntoTheLatestBackupOnly(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	for _, path := range []string{"keys?version=1", "keys/!r?version=1", "keys/!r/s?version=1"} {
		body := map[string]string{"keys?": `{"rooms":{}}`, "keys/!r?": `{"sessions":{}}`, "keys/!r/s?": key("a")}[strings.TrimSuffix(path, "version=1")]
		d.refuse(http.MethodPut, path, body, 404, "M_NOT_FOUND")
	}
	d.create("1")
	d.want(http.MethodPut, "keys/!r/s?version=1", key("old"), 200, `{"etag":"1","count":1}`)
	d.create("2")
	for path, body := range map[string]string{"keys": `{"rooms":{}}`, "keys/!r": `{"sessions":{"s":` + key("a") + `}}`, "keys/!r/s2": key("a")} {
		for _, version := range []string{"1", "3", "x"} {
			if answer := d.refuse(http.MethodPut, path+"?version="+version, body, 403, "M_WRONG_ROOM_KEYS_VERSION"); answer["current_version"] != "2" {
				t.Errorf("current_version is %q", answer["current_version"])
			}
		}
	}
	d.state("1", "1", "1")
	d.state("2", "0", "0")
	d.want(http.MethodGet, "keys/!r/s?version=1", "", 200, key("old"))
}

func TestDeletingKeysChangesTheEtagOnlyIfThereWereAny(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	room := func(names ...string) string {
		var sessions []string
		for _, name := range names {
			sessions = append(sessions, `"`+name+`":`+key(name))
		}
		return `{"sessions":{` + strings.Join(sessions, ",") + `}}`
	}
	d.want(http.MethodPut, "keys?version=1", `{"rooms":{"!a":`+room("1", "2", "3")+`,"!b":`+room("1", "2")+`}}`, 200, `{"etag":"1","count":5}`)
	for _, step := range []struct{ path, answer string }{
		{"keys/!a/4?version=1", `{"etag":"1","count":5}`},
		{"keys/!a/2?version=1", `{"etag":"2","count":4}`},
		{"keys/!a/2?version=1", `{"etag":"2","count":4}`},
		{"keys/!c?version=1", `{"etag":"2","count":4}`},
		{"keys/!a?version=1", `{"etag":"3","count":2}`},
		{"keys/!a?version=1", `{"etag":"3","count":2}`},
	} {
		d.want(http.MethodDelete, step.path, "", 200, step.answer)
	}
	d.want(http.MethodGet, "keys?version=1", "", 200, `{"rooms":{"!b":`+room("1", "2")+`}}`)
	d.want(http.MethodDelete, "keys?version=1", "", 200, `{"etag":"4","count":0}`)
	d.want(http.MethodDelete, "keys?version=1", "", 200, `{"etag":"4","count":0}`)
	d.state("1", "0", "4")
	d.want(http.MethodPut, "keys/!b?version=1", room("1"), 200, `{"etag":"5","count":1}`)
}

func TestBadUploadsAreRefusedAndChangeNothing(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	good := map[string]string{"first_message_index": "1", "forwarded_count": "0", "is_verified": "false", "session_data": "{}"}
	with := func(name, value string) string {
		fields := []string{}
		for n, v := range good {
			if n == name {
				v = value
			}
			if v != "" {
				fields = append(fields, `"`+n+`":`+v)
			}
		}
		return `{` + strings.Join(fields, ",") + `}`
	}
	type bad struct {
		key     string
		status  int
		errcode string
	}
	var all []bad
	for name, values := range map[string][]string{
		"first_message_index": {"", "null", `"1"`, "-1", "1.5", "9007199254740992", "true", "{}"},
		"forwarded_count":     {"", "null", `"1"`, "-1", "1.5", "9007199254740992"},
		"is_verified":         {"", "null", `"true"`, "1"},
		"session_data":        {"", "null", `"x"`, "[]", `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`},
	} {
		for _, value := range values {
			all = append(all, bad{with(name, value), 400, "M_BAD_JSON"})
		}
	}
	all = append(all, bad{`[]`, 400, "M_BAD_JSON"}, bad{`null`, 400, "M_BAD_JSON"}, bad{`"key"`, 400, "M_BAD_JSON"},
		bad{`{`, 400, "M_NOT_JSON"}, bad{with("session_data", `{"a":"`+strings.Repeat("a", 64<<10)+`"}`), 413, "M_TOO_LARGE"})
	for _, c := range all {
		d.refuse(http.MethodPut, "keys/!r/s?version=1", c.key, c.status, c.errcode)
		d.refuse(http.MethodPut, "keys/!r?version=1", `{"sessions":{"good":`+key("a")+`,"s":`+c.key+`}}`, c.status, c.errcode)
		d.refuse(http.MethodPut, "keys?version=1", `{"rooms":{"!good":{"sessions":{"s":`+key("a")+`}},"!r":{"sessions":{"s":`+c.key+`}}}}`, c.status, c.errcode)
	}
	for _, body := range []string{`{}`, `[]`, `null`, `{"rooms":null,"sessions":null}`, `{"rooms":[],"sessions":[]}`,
		`{"rooms":{"!r":{}},"sessions":{"s":1}}`, `{"rooms":{"!r":null},"sessions":{"s":null}}`} {
		d.refuse(http.MethodPut, "keys?version=1", body, 400, "M_BAD_JSON")
		d.refuse(http.MethodPut, "keys/!r?version=1", body, 400, "M_BAD_JSON")
	}
	long := strings.Repeat("a", 256)
	d.refuse(http.MethodPut, "keys/"+long+"/s?version=1", key("a"), 400, "M_INVALID_PARAM")
	d.refuse(http.MethodPut, "keys/!r/"+long+"?version=1", key("a"), 400, "M_INVALID_PARAM")
	d.refuse(http.MethodPut, "keys?version=1", `{"rooms":{"":{"sessions":{"s":`+key("a")+`}}}}`, 400, "M_INVALID_PARAM")
	d.refuse(http.MethodPut, "keys/!r?version=1", `{"sessions":{"":`+key("a")+`}}`, 400, "M_INVALID_PARAM")
	d.refuse(http.MethodPut, "keys?version=1", `{"a":"`+strings.Repeat("a", 20<<20)+`"}`, 413, "M_TOO_LARGE")
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"keys", "keys/!r", "keys/!r/s", "keys?version="} {
			d.refuse(method, path, key("a"), 400, "M_MISSING_PARAM")
		}
	}
	d.state("1", "0", "0")
}

func TestOneUploadIsBounded(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	sessions := make(map[string]json.RawMessage)
	for n := range 10_000 {
		sessions[fmt.Sprint(n)] = json.RawMessage(key(""))
	}
	upload := func() string {
		raw, err := json.Marshal(map[string]any{"sessions": sessions})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	full := upload()
	sessions["more"] = json.RawMessage(key(""))
	d.refuse(http.MethodPut, "keys/!r?version=1", upload(), 413, "M_TOO_LARGE")
	d.want(http.MethodPut, "keys/!r?version=1", full, 200, `{"etag":"1","count":10000}`)
	var shown struct {
		Rooms map[string]struct{ Sessions map[string]any }
	}
	if err := json.Unmarshal(d.do("alice", http.MethodGet, "keys?version=1", "").Body.Bytes(), &shown); err != nil || len(shown.Rooms["!r"].Sessions) != 10_000 {
		t.Errorf("%d keys were shown (%v)", len(shown.Rooms["!r"].Sessions), err)
	}
}

func TestBackupsOfAUserHoldSoMuchAndNoMore(t *testing.T) {
	for name, options := range map[string]sqlite.Options{
		"keys": {MaxBackupKeys: 3}, "bytes": {MaxBackupBytes: 3 * (100 + 2*3 + int64(len(`{"ciphertext":"a"}`)))},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t, options)
			d.create("1")
			d.want(http.MethodPut, "keys/!r?version=1", `{"sessions":{"1":`+key("a")+`,"2":`+key("a")+`}}`, 200, `{"etag":"1","count":2}`)
			d.create("2")
			d.refuse(http.MethodPut, "keys/!r?version=2", `{"sessions":{"1":`+key("a")+`,"2":`+key("a")+`}}`, 413, "M_TOO_LARGE")
			d.state("2", "0", "0")
			d.want(http.MethodPut, "keys/!r/1?version=2", key("a"), 200, `{"etag":"1","count":1}`)
			// A key takes the place of a worse one.
			d.want(http.MethodPut, "keys/!r/1?version=2", strings.Replace(key("a"), "false", "true", 1), 200, `{"etag":"2","count":1}`)
			d.refuse(http.MethodPut, "keys/!r/2?version=2", key("a"), 413, "M_TOO_LARGE")
			d.want(http.MethodDelete, "keys/!r/1?version=1", "", 200, `{"etag":"2","count":1}`)
			d.want(http.MethodPut, "keys/!r/2?version=2", key("a"), 200, `{"etag":"3","count":2}`)
			d.refuse(http.MethodPut, "keys/!r/3?version=2", key("a"), 413, "M_TOO_LARGE")
			d.want(http.MethodDelete, "version/1", "", 200, `{}`)
			d.want(http.MethodPut, "keys/!r/3?version=2", key("a"), 200, `{"etag":"4","count":3}`)
			d.want(http.MethodDelete, "keys?version=2", "", 200, `{"etag":"5","count":0}`)
			d.want(http.MethodPut, "keys/!r?version=2", `{"sessions":{"1":`+key("a")+`,"2":`+key("a")+`,"3":`+key("a")+`}}`, 200, `{"etag":"6","count":3}`)
		})
	}
}
