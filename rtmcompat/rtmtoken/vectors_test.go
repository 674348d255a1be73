package rtmtoken

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// A vector is a token, what it is checked with, and the verdict. Most tokens were made
// with the vendors' own libraries.
type vector struct {
	ID     string
	Token  string
	Inputs struct {
		AppID       string `json:"app_id"`
		Certificate string `json:"app_certificate"`
		Account     string
		UIDSlot     string `json:"uid_slot"`
		Salt        uint32
		TS          uint32
		Issued      uint32 `json:"issue_ts"`
		Expire      uint32
		Privileges  map[uint16]uint32
		Services    []struct {
			Type       uint16
			UserID     string `json:"user_id"`
			Privileges map[uint16]uint32
		}
	}
	Check struct {
		AppID       string `json:"app_id"`
		Certificate string `json:"app_certificate"`
		UID         *string
		Now         int64
	}
	Expect struct {
		Verdict string
		Reason  *Reason
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/token-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 57 {
		t.Fatalf("there are %d vectors, want 57", len(file.Vectors))
	}
	return file.Vectors
}

// check checks the token of a vector as the vector says.
func (v vector) check() (string, error) {
	uid := ""
	if v.Check.UID != nil {
		uid = *v.Check.UID
	}
	return Check(v.Token, App{v.Check.AppID, v.Check.Certificate}, uid, time.Unix(v.Check.Now, 0))
}

func TestEveryVectorGetsItsVerdict(t *testing.T) {
	valid := 0
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			uid, err := v.check()
			if v.Expect.Verdict == "valid" {
				valid++
				want := v.Inputs.Account
				for _, service := range v.Inputs.Services {
					if service.Type == serviceRTM {
						want = service.UserID
					}
				}
				if err != nil || uid != want {
					t.Errorf("got %q, %v; want %q", uid, err, want)
				}
				return
			}
			if uid != "" || err != *v.Expect.Reason {
				t.Errorf("got %q, %v; want %v", uid, err, *v.Expect.Reason)
			}
		})
	}
	if valid != 21 {
		t.Errorf("%d vectors are valid, want 21", valid)
	}
}

// What is built is, but for the compression, byte for byte what the vendors' libraries
// build.
func TestTokensAreBuiltAsTheVendorsBuildThem(t *testing.T) {
	same := map[Format]int{}
	for _, v := range vectors(t) {
		if v.Expect.Verdict != "valid" {
			continue
		}
		app, in := App{v.Inputs.AppID, v.Inputs.Certificate}, v.Inputs
		switch format := Format(v.Token[:3]); {
		case format == V006 && len(in.Privileges) == 1 && in.Privileges[loginRTM] != 0:
			issued := in.TS - uint32(seconds(MaxLife))
			if got := app.build006(in.Account, issued, in.Privileges[loginRTM]-issued, in.Salt); got != v.Token {
				t.Errorf("%s: got %s", v.ID, got)
			}
			same[format]++
		case format == V007 && len(in.Services) == 1 && in.Services[0].Privileges[login007] == in.Expire:
			got, _ := inflate(app.build007(in.Services[0].UserID, in.Issued, in.Expire, in.Salt)[3:])
			if want, ok := inflate(v.Token[3:]); !ok || string(got) != string(want) {
				t.Errorf("%s: got %x", v.ID, got)
			}
			same[format]++
		}
	}
	if same[V006] < 1 || same[V007] < 5 {
		t.Errorf("only %v were compared", same)
	}
}
