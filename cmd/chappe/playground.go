package main

import (
	"fmt"
	"io"

	"github.com/chappe-im/chappe/config"
)

// printPlayground tells someone who has just started the server what to try. The
// lines can be pasted as they are, one after another.
func printPlayground(out io.Writer, cfg config.Config, addr string) {
	app := cfg.RTM.Apps[0]
	fmt.Fprintf(out, `Chappe is running as %[1]s: loopback only, registration open, data in %[2]s.
Paste these into another terminal:

  # 1. An account, and its access token
  TOKEN=$(curl -s -X POST 'http://%[3]s/_matrix/client/v3/register' \
    -d '{"username":"alice","password":"a long password","device_id":"PHONE","auth":{"type":"m.login.dummy"}}' \
    | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); echo $TOKEN

  # 2. A message to all devices of alice
  curl -s -X PUT 'http://%[3]s/_matrix/client/v3/sendToDevice/im.example.hello/txn1' -H "Authorization: Bearer $TOKEN" \
    -d '{"messages":{"@alice:%[1]s":{"*":{"text":"hello"}}}}'; echo

  # 3. The same by the RTM API
  curl -s -X POST 'http://%[3]s/dev/v2/project/%[4]s/rtm/users/bob/peer_messages' -u '%[5]s:%[6]s' \
    -H 'Content-Type: application/json' \
    -d '{"destination":"@alice:%[1]s","payload":"hello by RTM","enable_offline_messaging":true}'; echo

  # 4. What waits for alice's PHONE (again and again, until a sync with since=<next_batch> confirms it)
  curl -s 'http://%[3]s/_matrix/client/v3/sync' -H "Authorization: Bearer $TOKEN"; echo

`, cfg.ServerName, cfg.DataDir, addr, app.ID, app.Keys[0].Key, app.Keys[0].Secret)
}
