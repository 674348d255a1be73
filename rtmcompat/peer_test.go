package rtmcompat_test

import (
	"strings"
	"testing"
)

func TestWaitForAckIsTrueOrFalse(t *testing.T) {
	cases := map[string]int{
		"":                                      200,
		"?":                                     200,
		"?wait_for_ack=true":                    200,
		"?wait_for_ack=false":                   200,
		"?wait%5Ffor_ack=%74rue":                200,
		"?x=y&wait_for_ack=true":                200,
		"?Wait_for_ack=perhaps":                 200, // unknown
		"?wait_for_ack":                         400,
		"?wait_for_ack=":                        400,
		"?wait_for_ack=1":                       400,
		"?wait_for_ack=0":                       400,
		"?wait_for_ack=True":                    400,
		"?wait_for_ack=TRUE":                    400,
		"?wait_for_ack=yes":                     400,
		"?wait_for_ack=true%20":                 400,
		"?wait_for_ack=%22true%22":              400,
		"?wait_for_ack=true&wait_for_ack=true":  400,
		"?wait_for_ack=false&wait_for_ack=true": 400,
		"?wait_for_ack=%zz":                     400,
		"?wait_for_ack=true;x=y":                400,
	}
	r := newRig(t)
	for query, status := range cases {
		t.Run(query, func(t *testing.T) {
			code := map[int]string{200: "message_sent", 400: "invalid_parameter"}[status]
			if strings.Contains(query, "rue") && status == 200 {
				code = "message_offline"
			}
			r.do(request(peerPath("alice")+query, object())).want(t, status, code)
		})
	}
}
