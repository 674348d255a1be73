package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/chappe-im/chappe/"

// imports is the map: for each package, the packages of this module it may import.
// Imports point down, and no door knows another. A package that is missing here
// fails the test, so that the map is drawn before the wall is built.
var imports = map[string][]string{
	"todevice":               nil,
	"internal/canonicaljson": nil,
	"internal/faultdb":       nil,
	"internal/httpapi":       {"todevice"},
	"storage/sqlite":         {"todevice"},
	"config":                 {"todevice", "internal/files"},
	"relay":                  {"todevice", "internal/canonicaljson"},
	"clientapi": {"todevice", "clientapi/limits", "clientapi/uia", "clientapi/passwords", "clientapi/otherservers", "internal/httpapi",
		"internal/expiring", "internal/canonicaljson", "internal/rawjson"},
	"clientapi/limits": {"todevice", "internal/httpapi", "internal/ratelimit"},
	"clientapi/keys": {"todevice", "clientapi/limits", "clientapi/otherservers", "clientapi/uia", "internal/httpapi", "internal/canonicaljson",
		"internal/signedjson", "internal/rawjson"},
	"clientapi/otherservers":    {"internal/httpapi", "internal/rawjson"},
	"clientapi/uia":             {"todevice", "clientapi/passwords", "internal/httpapi", "internal/expiring"},
	"clientapi/passwords":       nil,
	"clientapi/userdata":        {"todevice", "clientapi/pushrules", "internal/httpapi", "internal/rawjson"},
	"clientapi/rooms":           {"todevice", "internal/httpapi"},
	"clientapi/pushrules":       {"todevice", "internal/rawjson"},
	"clientapi/keybackup":       {"todevice", "internal/httpapi", "internal/canonicaljson", "internal/rawjson"},
	"internal/expiring":         nil,
	"internal/ratelimit":        nil,
	"syncapi":                   {"todevice", "internal/httpapi"},
	"rtmcompat":                 {"todevice", "rtmcompat/rtmtoken", "rtmcompat/channels", "rtmcompat/guests", "internal/httpapi", "internal/canonicaljson", "internal/ratelimit"},
	"rtmcompat/rtmtoken":        nil,
	"rtmcompat/webhooks":        {"todevice", "internal/publicnet"},
	"rtmcompat/wire":            nil,
	"rtmcompat/channels":        {"rtmcompat/wire"},
	"rtmcompat/guests":          {"todevice", "rtmcompat/channels", "internal/canonicaljson"},
	"rtmcompat/sessions":        {"todevice", "rtmcompat", "rtmcompat/channels", "rtmcompat/channels/attributes", "rtmcompat/guests", "rtmcompat/rtmtoken", "rtmcompat/wire", "internal/ratelimit"},
	"internal/files":            nil,
	"internal/publicnet":        nil,
	"internal/rawjson":          nil,
	"internal/selfsigned":       {"todevice", "internal/files"},
	"internal/signedjson":       {"internal/rawjson", "internal/canonicaljson"},
	"federationapi/signing":     {"internal/files", "internal/signedjson", "internal/canonicaljson"},
	"federationapi/remote":      {"todevice", "federationapi/signing", "internal/publicnet", "internal/canonicaljson", "internal/rawjson"},
	"federationapi/queue":       {"todevice", "federationapi/remote", "internal/canonicaljson"},
	"federationapi/devicelists": {"todevice", "federationapi/remote"},
	"federationapi": {"todevice", "federationapi/signing", "federationapi/remote", "internal/httpapi", "internal/ratelimit",
		"internal/canonicaljson", "internal/signedjson", "internal/rawjson"},
	"server": {"clientapi", "clientapi/keys", "clientapi/keybackup", "clientapi/limits", "clientapi/rooms", "clientapi/userdata", "syncapi", "rtmcompat", "rtmcompat/channels", "rtmcompat/channels/attributes", "rtmcompat/sessions", "rtmcompat/webhooks", "federationapi",
		"federationapi/signing", "federationapi/remote",
		"federationapi/queue", "federationapi/devicelists", "relay", "storage/sqlite", "internal/selfsigned",
		"internal/httpapi", "config", "todevice"},

	"rtmcompat/channels/attributes": {"todevice", "rtmcompat/wire"},

	"internal/demo": {"server", "config", "internal/selfsigned"},
	"cmd/chappe":    {"server", "federationapi/remote", "rtmcompat", "rtmcompat/rtmtoken", "config", "internal/demo", "todevice"},
	// What tests and measures may use anything.
	"federationapi/remotetest": {"*"},
	"internal/crashdisk":       nil,
	"internal/keyledger":       nil,
	"internal/matrixspec":      nil,
	"internal/doortest":        {"*"},
	"simulation":               {"*"},
	"internal/testserver":      {"*"},
	"bench":                    {"*"},
	"e2e":                      {"*"},
}

func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "../...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := imports[name]
		if !ok {
			t.Errorf("%s is not on the map", name)
		}
		for _, imported := range p.Imports {
			imported, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, "*") && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}
