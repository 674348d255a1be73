package todevice

// An RTMRequest is a request of the RTM API that its caller has given a key, so that it
// may be repeated.
type RTMRequest struct {
	// App, Sender (a localpart) and Key name the request: the key is of this sender in
	// this app.
	App    string
	Sender string
	Key    string
	// Body is a hash of what is asked for.
	Body [32]byte
	// AnswerID is the request_id of the answer.
	AnswerID string
	// Offline is true if no device is there to confirm the message soon.
	Offline bool
}

// An RTMAnswer is what is remembered of an RTM request, so that its repetition has the
// same answer.
type RTMAnswer struct {
	ID      string
	Offline bool
	// Deliveries are those that may be confirmed, of devices there still are.
	Deliveries []Delivery
	// Confirmed is true if one of them has been.
	Confirmed bool
}
