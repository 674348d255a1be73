package rtmcompat

import (
	"testing"

	"github.com/chappe-im/chappe/todevice"
)

func TestEscapeFollowsTheMatrixMapping(t *testing.T) {
	cases := map[string]string{
		"alice":   "alice",
		"A":       "_a",
		"_":       "__",
		"_A_a":    "___a__a",
		"#":       "=23",
		"=":       "=3d",
		"=23":     "=3d23",
		"a-b.c+d": "a-b.c+d",
		" ":       "=20",
		"@bob:x":  "=40bob=3ax",
		"~{}|'":   "=7e=7b=7d=7c=27",
		".":       ".",
		"..":      "..",
		"null":    "null",
		"Alice_1": "_alice__1",
	}
	for uid, want := range cases {
		if got := escape(uid); got != want {
			t.Errorf("escape(%q) = %q, want %q", uid, got, want)
		}
		if got, ok := unescape(want); !ok || got != uid {
			t.Errorf("unescape(%q) = %q, %t, want %q", want, got, ok, uid)
		}
	}
}

func TestUnescapeRefusesWhatEscapeDoesNotWrite(t *testing.T) {
	for _, localpart := range []string{
		"",        // no uid is empty
		"A",       // upper case is written _a
		"_", "a_", // half an escape
		"_1", "_-", // no letter
		"=", "=2", // half an escape
		"=zz", "=2g", // no number
		"=2D", "=7E", // digits in upper case
		"=61", "=5f", "=2d", // written otherwise
		"=2f", "=22", "=2a", "=5c", "=60", "a/b", // not of an uid
		"=c3=a1", // not ASCII
		"a b",    // a space is written =20
		string(make([]byte, 65)),
	} {
		if uid, ok := unescape(localpart); ok {
			t.Errorf("unescape(%q) = %q, want none", localpart, uid)
		}
	}
}

func FuzzEscapeIsReversible(f *testing.F) {
	for _, uid := range []string{"alice", "_A_a", "=3D", " x ", "@bob:example.org", "null", ".."} {
		f.Add(uid)
	}
	f.Fuzz(func(t *testing.T, uid string) {
		if !validUID(uid) {
			return
		}
		localpart := escape(uid)
		if !todevice.ValidLocalpart(localpart, "example.org") {
			t.Fatalf("escape(%q) = %q, which is no localpart", uid, localpart)
		}
		if len(localpart) > 3*len(uid) {
			t.Errorf("escape(%q) has %d bytes, over three times as many", uid, len(localpart))
		}
		if back, ok := unescape(localpart); !ok || back != uid {
			t.Fatalf("unescape(escape(%q)) = %q, %t", uid, back, ok)
		}
	})
}

func FuzzUnescapeIsReversible(f *testing.F) {
	for _, localpart := range []string{"alice", "_a__", "=23", "=61", "_", "="} {
		f.Add(localpart)
	}
	f.Fuzz(func(t *testing.T, localpart string) {
		uid, ok := unescape(localpart)
		if ok && escape(uid) != localpart {
			t.Fatalf("unescape(%q) = %q, which is written %q", localpart, uid, escape(uid))
		}
	})
}
