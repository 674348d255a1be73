package rtmcompat

import (
	"fmt"
	"net/http"
	"net/url"
)

// maxPayload is the greatest length of a payload in bytes of UTF-8.
const maxPayload = 32768

// A peerMessage is a message from one user of an app to one user.
type peerMessage struct {
	from        string // an uid of the app
	destination string // an uid of the app, or a full Matrix user ID
	payload     string
	// keep is true if a receiver that is offline gets the message later.
	keep bool
	// record is true if the message is kept for the app's history.
	record bool
	// wait is true if the answer waits for the receiver's confirmation.
	wait bool
	// key is what the caller calls the request, so as to repeat it; "" for no name.
	key string
}

// readPeerMessage reads
// POST /dev/v2/project/{appId}/rtm/users/{userId}/peer_messages.
func readPeerMessage(r *http.Request) (peerMessage, error) {
	from, err := readPathUID(r)
	if err != nil {
		return peerMessage{}, err
	}
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return peerMessage{}, invalid("the query is not valid")
	}
	wait, err := readWait(parameters)
	if err != nil {
		return peerMessage{}, err
	}
	key, err := readKey(r.Header, parameters)
	if err != nil {
		return peerMessage{}, err
	}
	body, err := readObject(r)
	if err != nil {
		return peerMessage{}, err
	}
	m, err := body.peerMessage()
	m.from, m.wait, m.key = from, wait, key
	return m, err
}

// readWait gives the parameter wait_for_ack, false where it is not there.
func readWait(parameters url.Values) (bool, error) {
	const name = "wait_for_ack"
	switch values := parameters[name]; len(values) {
	case 0:
		return false, nil
	case 1:
		return parseBool(name, values[0])
	default:
		return false, invalid(name + " is given more than once")
	}
}

// peerMessage reads the body. Unknown keys are ignored: shipped clients send some.
func (o object) peerMessage() (m peerMessage, err error) {
	if m.destination, err = o.text("destination"); err != nil {
		return m, err
	}
	if _, full := matrixID(m.destination); !full && !validUID(m.destination) {
		return m, invalid("destination must be a Matrix user ID or " + uidRule)
	}
	if m.payload, err = o.payload(); err != nil {
		return m, err
	}
	if m.keep, err = o.flag("enable_offline_messaging"); err != nil {
		return m, err
	}
	m.record, err = o.flag("enable_historical_messaging")
	return m, err
}

func (o object) payload() (string, error) {
	payload, err := o.text("payload")
	switch {
	case err != nil:
		return "", err
	case payload == "":
		return "", invalid("payload must not be empty")
	case len(payload) > maxPayload:
		return "", invalid(fmt.Sprintf("payload exceeds %d bytes", maxPayload))
	}
	return payload, nil
}
