package rtmtoken

import (
	"strings"
	"testing"
	"time"
)

var (
	app = App{ID: "0123456789abcdef0123456789abcdef", Certificate: "fedcba9876543210fedcba9876543210"}
	at  = time.Unix(1_800_000_000, 0)
)

func build(t *testing.T, format Format, app App, uid string, life time.Duration) string {
	t.Helper()
	token, err := Build(format, app, uid, at, life)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsGoodForItsUserAppAndTime(t *testing.T) {
	other := App{ID: strings.ToUpper(app.ID), Certificate: app.Certificate}
	renewed := App{ID: app.ID, Certificate: strings.ToUpper(app.Certificate)}
	bare := App{ID: app.ID}
	cases := []struct {
		name  string
		app   App
		uid   string
		after time.Duration // it was made
		want  error
	}{
		{"at once", app, "Ann", 0, nil},
		{"in its last second", app, "Ann", time.Hour, nil},
		{"a second too late", app, "Ann", time.Hour + time.Second, Expired},
		{"much too late", app, "Ann", 1000 * 24 * time.Hour, Expired},
		{"made with a clock a little ahead", app, "Ann", -5 * time.Minute, nil},
		{"made with a clock too far ahead", app, "Ann", -5*time.Minute - time.Second, NotYetValid},
		{"another user", app, "Bob", 0, UIDMismatch},
		{"the user in another case", app, "ann", 0, UIDMismatch},
		{"another app", other, "Ann", 0, AppMismatch},
		{"another certificate", renewed, "Ann", 0, BadSignature},
		{"no certificate", bare, "Ann", 0, BadSignature},
		{"no app", App{}, "Ann", 0, AppMismatch},
	}
	for _, format := range []Format{V006, V007} {
		token := build(t, format, app, "Ann", time.Hour)
		for _, c := range cases {
			t.Run(string(format)+" "+c.name, func(t *testing.T) {
				uid, err := Check(token, c.app, c.uid, at.Add(c.after))
				if err != c.want || (err == nil) != (uid == c.uid) || err != nil && uid != "" {
					t.Errorf("got %q, %v; want %v", uid, err, c.want)
				}
			})
		}
	}
}

func TestOnlyANewTokenSaysWhoseItIs(t *testing.T) {
	if uid, err := Check(build(t, V007, app, "Ann", time.Hour), app, "", at); uid != "Ann" || err != nil {
		t.Errorf("007: got %q, %v", uid, err)
	}
	if uid, err := Check(build(t, V006, app, "Ann", time.Hour), app, "", at); uid != "" || err != UIDMismatch {
		t.Errorf("006: got %q, %v", uid, err)
	}
}

// Without a certificate the key of the signature is known to everyone.
func TestNobodySignsForAnAppWithoutCertificate(t *testing.T) {
	bare := App{ID: app.ID}
	issued := uint32(at.Unix())
	for _, token := range []string{bare.build006("Ann", issued, 60, 1), bare.build007("Ann", issued, 60, 1)} {
		if uid, err := Check(token, bare, "Ann", at); uid != "" || err != BadSignature {
			t.Errorf("%s: got %q, %v", token[:3], uid, err)
		}
	}
}

func TestTwoTokensDiffer(t *testing.T) {
	for _, format := range []Format{V006, V007} {
		first, second := build(t, format, app, "Ann", time.Hour), build(t, format, app, "Ann", time.Hour)
		if first == second {
			t.Errorf("%s: they are the same", format)
		}
	}
}

func TestWhatNoTokenCanBeIsNotBuilt(t *testing.T) {
	cases := map[string]struct {
		format Format
		app    App
		uid    string
		now    time.Time
		life   time.Duration
	}{
		"no certificate": {V006, App{ID: app.ID}, "Ann", at, time.Hour},
		"short app ID":   {V006, App{ID: "short", Certificate: app.Certificate}, "Ann", at, time.Hour},
		"no uid":         {V006, app, "", at, time.Hour},
		"long uid":       {V006, app, strings.Repeat("x", 65), at, time.Hour},
		"no life":        {V006, app, "Ann", at, 0},
		"negative life":  {V006, app, "Ann", at, -time.Hour},
		"long life":      {V006, app, "Ann", at, 24*time.Hour + 1},
		"before 1970":    {V006, app, "Ann", time.Unix(-1, 0), time.Hour},
		"after 2106":     {V006, app, "Ann", time.Unix(1<<32, 0), time.Hour},
		"format":         {"005", app, "Ann", at, time.Hour},
		"no format":      {"", app, "Ann", at, time.Hour},
	}
	for name, c := range cases {
		token, err := Build(c.format, c.app, c.uid, c.now, c.life)
		if token != "" || err == nil || strings.Contains(err.Error(), app.Certificate) {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
	}
}

func TestEndOfATokenIsTheLastSecondInWhichItIsGood(t *testing.T) {
	app := App{ID: strings.Repeat("a", 32), Certificate: strings.Repeat("b", 32)}
	now := time.Unix(1_700_000_000, 0)
	for _, format := range []Format{V006, V007} {
		token, err := Build(format, app, "Ann", now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, until, err := CheckUntil(token, app, "Ann", now)
		if err != nil || !until.Equal(now.Add(time.Hour)) {
			t.Errorf("%s: until %v, %v", format, until, err)
		}
		if _, err := Check(token, app, "Ann", until); err != nil {
			t.Errorf("%s: in its last second: %v", format, err)
		}
		after := until.Add(time.Second)
		if uid, end, err := CheckUntil(token, app, "Ann", after); uid != "Ann" || !end.Equal(until) || err != Expired {
			t.Errorf("%s: after it: %q, %v, %v", format, uid, end, err)
		}
	}
}
