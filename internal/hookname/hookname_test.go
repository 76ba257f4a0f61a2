package hookname_test

import (
	"testing"

	"github.com/wsgate/wsgate/internal/hookname"
)

func TestNear(t *testing.T) {
	for name, want := range map[string]string{
		"OnOpen": "", "OnMessage": "", "Events": "", // the hooks themselves
		"OnMesage": "OnMessage", "OnMessages": "OnMessage", "onMessage": "OnMessage", "OnMassege": "OnMessage",
		"onOpen": "OnOpen", "OnOpened": "OnOpen", "OnOpne": "OnOpen", "onopen": "OnOpen",
		"OnClosed": "OnClose", "onClose": "OnClose", "ONCLOSE": "OnClose",
		"OnUpgarde": "OnUpgrade", "OnUpgraded": "OnUpgrade",
		"events": "Events", "EVENTS": "Events", "Event": "", "Evnts": "Events", "Eventes": "Events",
		"OnConnect": "OnOpen", "OnDisconnect": "OnClose", "OnEvent": "Events",
		"OnJoin": "", "OnLeave": "", "OnTyping": "", "Evens": "Events", "Evts": "", "GetEvents": "", "Eventful": "", "Open": "", "Close": "", "Message": "", "On": "", "": "",
	} {
		if got := hookname.Near(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
