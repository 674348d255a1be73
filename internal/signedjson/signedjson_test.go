package signedjson_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chappe-im/chappe/internal/signedjson"
)

// A client may give out whatever it likes as its key; ed25519.Verify panics at some.
func TestKeyOfAnotherLengthSignsNothing(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signature := base64.RawStdEncoding.EncodeToString(ed25519.Sign(private, []byte(`{"n":1}`)))
	object := json.RawMessage(fmt.Sprintf(`{"n":1,"signatures":{"@alice:a.test":{"ed25519:K":%q}}}`, signature))
	public := private.Public().(ed25519.PublicKey)
	for _, c := range []struct {
		public ed25519.PublicKey
		good   bool
	}{{public, true}, {public[1:], false}, {append(public[:32:32], 0), false}, {nil, false}} {
		if err := signedjson.Verify(object, "@alice:a.test", "ed25519:K", c.public); (err == nil) != c.good {
			t.Errorf("a key of %d bytes: %v", len(c.public), err)
		}
	}
}
