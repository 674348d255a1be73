package signing

import (
	"testing"
)

func TestCredentialIsReadAsOthersWriteIt(t *testing.T) {
	full := Credential{Origin: "a.test:8448", Destination: "b.test", Key: "ed25519:k_1", Signature: "ab+/c"}
	for _, c := range []struct {
		name, header string
		want         Credential
	}{
		{"as we write it", `X-Matrix origin="a.test:8448",destination="b.test",key="ed25519:k_1",sig="ab+/c"`, full},
		{"another order", `X-Matrix sig="ab+/c",key="ed25519:k_1",destination="b.test",origin="a.test:8448"`, full},
		{"any case", `x-mAtRiX ORIGIN="a.test:8448",Destination="b.test",KEY="ed25519:k_1",Sig="ab+/c"`, full},
		{"spaces and tabs", " X-Matrix \t origin=\"a.test:8448\" ,\tdestination=\"b.test\"\t, key=\"ed25519:k_1\",sig=\"ab+/c\"  ", full},
		{"a tab after the scheme", "X-Matrix\torigin=\"a.test:8448\",destination=\"b.test\",key=\"ed25519:k_1\",sig=\"ab+/c\"", full},
		{"spaces around equals", `X-Matrix origin = "a.test:8448",destination= "b.test",key ="ed25519:k_1",sig="ab+/c"`, full},
		{"bare, colons and slashes too", `X-Matrix origin=a.test:8448,destination=b.test,key=ed25519:k_1,sig=ab+/c`, full},
		{"bare, spaced", `X-Matrix origin=a.test:8448 , destination=b.test , key=ed25519:k_1 , sig=ab+/c `, full},
		{"escapes", `X-Matrix origin="\a.test\:8448",destination="b\.test",key="ed25519:k_1",sig="ab+\/c"`, full},
		{"unknown parameters", `X-Matrix version=1,origin="a.test:8448",x="a,b=\"c\"",destination="b.test",key="ed25519:k_1",sig="ab+/c"`, full},
		{"empty elements", `X-Matrix ,origin="a.test:8448",,destination="b.test", ,key="ed25519:k_1",sig="ab+/c",`, full},
		{"no destination", `X-Matrix origin="a.test",key="ed25519:k",sig="s"`, Credential{Origin: "a.test", Key: "ed25519:k", Signature: "s"}},
		{"an IPv6 literal", `X-Matrix origin=[::1]:80,key="ed25519:k",sig=cw==`, Credential{Origin: "[::1]:80", Key: "ed25519:k", Signature: "cw=="}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ours, err := Parse(c.header)
			if err != nil || !ours || got != c.want {
				t.Errorf("got %+v, %v, %v; want %+v", got, ours, err, c.want)
			}
		})
	}
}

func TestMalformedCredentialIsAnError(t *testing.T) {
	for _, header := range []string{
		`X-Matrix`,
		`X-Matrix `,
		`X-Matrix origin="a",key="k"`,
		`X-Matrix origin="a",sig="s"`,
		`X-Matrix key="k",sig="s"`,
		`X-Matrix origin="",key="k",sig="s"`,
		`X-Matrix origin=,key="k",sig="s"`,
		`X-Matrix origin="a,key="k",sig="s"`,
		`X-Matrix origin="a",key="k",sig="s`,
		`X-Matrix origin="a",key="k",sig="s\`,
		`X-Matrix origin="a" key="k",sig="s"`,
		`X-Matrix origin="a"x,key="k",sig="s"`,
		`X-Matrix origin="a",key="k",sig="s",nonsense`,
		`X-Matrix origin="a",key="k",sig="s",="x"`,
		`X-Matrix origin="a",origin="b",key="k",sig="s"`,
		`X-Matrix origin="a",ORIGIN="a",key="k",sig="s"`,
		"X-Matrix origin=\"a\x00\",key=\"k\",sig=\"s\"",
		`X-Matrix origin=a"b,key="k",sig="s"`,
	} {
		if got, ours, err := Parse(header); err == nil || !ours {
			t.Errorf("%s: got %+v, %v, %v; want an error", header, got, ours, err)
		}
	}
}

func TestOtherSchemesAreNotOurs(t *testing.T) {
	for _, header := range []string{``, `Bearer x`, `X-Matrixorigin="a"`, `X-Matri`, `Basic X-Matrix`} {
		if _, ours, err := Parse(header); ours || err != nil {
			t.Errorf("%q is taken for ours: %v", header, err)
		}
	}
}

// FuzzXMatrix holds the reader to the writer: what was read is written in a form
// that is read as the same.
func FuzzXMatrix(f *testing.F) {
	f.Add(`X-Matrix origin="a.test",destination="b.test",key="ed25519:1",sig="abc"`)
	f.Add(`x-matrix SIG = "a\"\\b" , ,origin=a:1,key=k,unknown="x"`)
	f.Add("X-Matrix\torigin=a,key=\"\xff\",sig=s")
	f.Fuzz(func(t *testing.T, header string) {
		read, _, err := Parse(header)
		if err != nil || read == (Credential{}) {
			return
		}
		again, ours, err := Parse(read.String())
		if err != nil || !ours || again != read {
			t.Fatalf("%q read as %+v, written as %q, read as %+v, %v, %v", header, read, read.String(), again, ours, err)
		}
	})
}
