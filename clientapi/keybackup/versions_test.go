package keybackup_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chappe-im/chappe/storage/sqlite"
)

func TestWithoutBackupThereIsNoCurrentVersion(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	want := `{"errcode":"M_NOT_FOUND","error":"No current backup version"}`
	d.want(http.MethodGet, "version", "", 404, want)
	d.create("1")
	if w := d.do("bob", http.MethodGet, "version", ""); w.Code != 404 || w.Body.String() != want {
		t.Errorf("bob got %d %s", w.Code, w.Body)
	}
}

func TestVersionsGrowAndAreNeverReused(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	for n := 1; n <= 12; n++ {
		d.create(fmt.Sprint(n))
		d.want(http.MethodGet, "version", "", 200, `{"algorithm":"`+algorithm+
			`","auth_data":{"public_key":"k"},"count":0,"etag":"0","version":"`+fmt.Sprint(n)+`"}`)
	}
	for n := 12; n >= 9; n-- {
		d.want(http.MethodDelete, fmt.Sprint("version/", n), "", 200, `{}`)
	}
	if w := d.do("alice", http.MethodGet, "version", ""); !strings.Contains(w.Body.String(), `"version":"8"`) {
		t.Errorf("the latest is %s", w.Body)
	}
	d.create("13")
}

func TestDeletedBackupIsGoneWithItsKeys(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	d.want(http.MethodPut, "keys/!r/s?version=1", key("a"), 200, `{"etag":"1","count":1}`)
	d.want(http.MethodDelete, "version/1", "", 200, `{}`)
	d.want(http.MethodDelete, "version/1", "", 200, `{}`) // it was there
	for _, never := range []string{"2", "0", "-1", "01", "x", "99999999999999999999"} {
		d.refuse(http.MethodDelete, "version/"+never, "", 404, "M_NOT_FOUND")
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "version/1", ""}, {http.MethodPut, "version/1", backup}, {http.MethodGet, "version", ""},
		{http.MethodGet, "keys?version=1", ""}, {http.MethodGet, "keys/!r?version=1", ""}, {http.MethodGet, "keys/!r/s?version=1", ""},
		{http.MethodPut, "keys/!r/s?version=1", key("a")},
		{http.MethodDelete, "keys?version=1", ""}, {http.MethodDelete, "keys/!r?version=1", ""}, {http.MethodDelete, "keys/!r/s?version=1", ""},
	} {
		d.refuse(c.method, c.path, c.body, 404, "M_NOT_FOUND")
	}
	d.create("2")
	d.want(http.MethodGet, "keys?version=2", "", 200, `{"rooms":{}}`)
}

func TestUpdateChangesTheAuthDataAlone(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	d.want(http.MethodPut, "keys/!r/s?version=1", key("a"), 200, `{"etag":"1","count":1}`)
	d.create("2")
	with := func(members string) string {
		return `{"algorithm":"` + algorithm + `","auth_data":{"n":9007199254740993}` + members + `}`
	}
	for _, c := range []struct {
		path, body string
		status     int
		errcode    string
	}{
		{"version/1", `{"algorithm":"other","auth_data":{}}`, 400, "M_INVALID_PARAM"},
		{"version/1", with(`,"version":"2"`), 400, "M_INVALID_PARAM"},
		{"version/1", with(`,"version":1`), 400, "M_BAD_JSON"},
		{"version/3", with(""), 404, "M_NOT_FOUND"},
		{"version/01", with(""), 404, "M_NOT_FOUND"},
		{"version/%FF", with(""), 400, "M_INVALID_PARAM"},
	} {
		d.refuse(http.MethodPut, c.path, c.body, c.status, c.errcode)
		d.state("1", "1", "1")
	}
	for _, members := range []string{"", `,"version":"1"`, `,"version":null`} {
		d.want(http.MethodPut, "version/1", with(members), 200, `{}`)
		d.want(http.MethodGet, "version/1", "", 200, `{"algorithm":"`+algorithm+
			`","auth_data":{"n":9007199254740993},"count":1,"etag":"1","version":"1"}`)
	}
}

func TestBadDescriptionsOfABackupAreRefused(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	d.create("1")
	long := strings.Repeat("a", 64<<10)
	for _, c := range []struct {
		body    string
		status  int
		errcode string
	}{
		{``, 400, "M_NOT_JSON"},
		{`{`, 400, "M_NOT_JSON"},
		{`[]`, 400, "M_BAD_JSON"},
		{`null`, 400, "M_BAD_JSON"},
		{`{}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"a"}`, 400, "M_BAD_JSON"},
		{`{"auth_data":{}}`, 400, "M_BAD_JSON"},
		{`{"algorithm":null,"auth_data":{}}`, 400, "M_BAD_JSON"},
		{`{"algorithm":5,"auth_data":{}}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"","auth_data":{}}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"a","auth_data":null}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"a","auth_data":[]}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"a","auth_data":"{}"}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"a","auth_data":{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`, 400, "M_BAD_JSON"},
		{`{"algorithm":"` + long[:256] + `","auth_data":{}}`, 400, "M_INVALID_PARAM"},
		{`{"algorithm":"a","auth_data":{"a":"` + long + `"}}`, 413, "M_TOO_LARGE"},
	} {
		d.refuse(http.MethodPost, "version", c.body, c.status, c.errcode)
		d.refuse(http.MethodPut, "version/1", c.body, c.status, c.errcode)
		d.state("1", "0", "0")
	}
	d.create("2")
}

func TestVersionsOfAUserAreBounded(t *testing.T) {
	d := newDoor(t, sqlite.Options{})
	for n := range 100 {
		d.create(fmt.Sprint(n + 1))
	}
	d.refuse(http.MethodPost, "version", backup, 413, "M_TOO_LARGE")
	if w := d.do("bob", http.MethodPost, "version", backup); w.Code != 200 {
		t.Errorf("bob got %d %s", w.Code, w.Body)
	}
	d.want(http.MethodDelete, "version/7", "", 200, `{}`)
	d.create("101")
}
