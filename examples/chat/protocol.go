package main

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wsgate/wsgate"
)

// What clients send. An event with an "id" is answered with the same "type" and "id" once it is done; the calls need
// an id.
//
//	{"type":"join","room":"general"}            leaves the current room for that one; the answer is a "users" event
//	{"type":"leave","room":"general"}           leaves the current room for none
//	{"type":"message","text":"Hello!"}          says something to the current room; kept
//	{"type":"private","to":"<user id>","text"}  says something to one person; not kept
//	{"type":"rename","username":"Ada"}          changes one's own name
//	{"type":"typing"}                           one is typing to the room, or "to" a user id; send it every few seconds
//	{"type":"users","room","id"}                call: who is there
//	{"type":"history","room","limit","id"}      call: the newest messages, oldest first; with "before" those before a seq
//	{"type":"rooms","id"}                       call: the rooms; from then on the asker also hears "room" events
//
// All rooms are public: whoever is connected may ask for the users and the history of any of them.
const (
	Join      wsgate.Event[RoomName]                  = "join"
	Leave     wsgate.Event[RoomName]                  = "leave"
	Say       wsgate.Event[Speech]                    = "message"
	Whisper   wsgate.Event[PrivateSpeech]             = "private"
	Rename    wsgate.Event[NewName]                   = "rename"
	Type      wsgate.Event[Recipient]                 = "typing"
	ListUsers wsgate.Call[RoomName, Users]            = "users"
	History   wsgate.Call[HistoryQuestion, RoomLines] = "history"
	ListRooms wsgate.Call[struct{}, Rooms]            = "rooms"
)

// What clients hear.
//
//	welcome  to a new connection: its user id, its name and its first room
//	users    to somebody who joined a room: who is in it, the joiner included
//	joined   to the others in a room: somebody came, by connecting or from another room
//	left     to the others in a room: somebody went, by disconnecting or to another room
//	renamed  to everybody in a room, the renamed one included
//	message  to everybody in a room, the sender included; seq counts the messages of a room from 1
//	private  to the person it is for and, as an echo, to its sender
//	typing   to those who would hear it: somebody is typing; room is empty if it is to one person. Forget it after 6 s
//	room     to those who asked for the rooms: one row of that list has changed
//	people   to everybody: who is connected, and in which room they are
//
// Names are not unique, user ids are. A user has a new id with every connection, unless the client offers a token: see
// identity.go.
//
// Of people with "room":"everybody" a list of all can be kept: "all" says that "here" is everybody, else "here" are those
// who came, moved or changed their name, and "gone" those who left; "count" is how many there are. It comes a moment
// later than the other events, and is right where those have crossed, or where a server has crashed. The same event
// comes, of fewer people, for other rooms of the gateway; a client that needs none of it ignores it.
const (
	Welcome     wsgate.Event[Greeting]    = "welcome"
	Present     wsgate.Event[Users]       = "users"
	Joined      wsgate.Event[Movement]    = "joined"
	Left        wsgate.Event[Movement]    = "left"
	Renamed     wsgate.Event[NameChange]  = "renamed"
	Said        wsgate.Event[Line]        = "message"
	Whispered   wsgate.Event[PrivateLine] = "private"
	Typing      wsgate.Event[TypingUser]  = "typing"
	RoomChanged wsgate.Event[RoomRow]     = "room"

	People wsgate.Event[wsgate.Presence[Person]] = "people"
)

// sends is all that clients hear, but for answers.
var sends = []wsgate.Outgoing{Welcome, Present, Joined, Left, Renamed, Said, Whispered, Typing, RoomChanged, People}

const (
	lobby     = "lobby"     // where everybody starts
	anonymous = "Anonymous" // who does not say a name

	maxText       = 2000 // runes
	maxName       = 40   // runes, of a person's name or a room's
	defaultLines  = 50   // of history
	maxLines      = 200
	maxListedRows = 100 // rooms in the list that nobody is in

	typingPause = time.Second // between two Typing events of one connection
)

type (
	// RoomName is the payload of Join, Leave and ListUsers.
	RoomName struct {
		Room string `json:"room"`
	}

	// Speech is the payload of Say.
	Speech struct {
		Text string `json:"text"`
	}

	// PrivateSpeech is the payload of Whisper; To is a user id.
	PrivateSpeech struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}

	// Recipient is the payload of Type; To is a user id, or empty for the room.
	Recipient struct {
		To string `json:"to,omitempty"`
	}

	// NewName is the payload of Rename.
	NewName struct {
		Username string `json:"username"`
	}

	// HistoryQuestion is the payload of History. Limit is 1 to 200; 0 is 50. Before is the seq of a message; 0 asks for
	// the newest.
	HistoryQuestion struct {
		Room   string `json:"room"`
		Before int64  `json:"before,omitempty"`
		Limit  int    `json:"limit,omitempty"`
	}
)

type (
	// Greeting is the payload of Welcome.
	Greeting struct {
		UserID   string `json:"userId"`
		Username string `json:"username"`
		Room     string `json:"room"`
	}

	// User is a person as others see them.
	User struct {
		ID       string `json:"id"`
		Username string `json:"username"`
	}

	// Person is what People says of a user. Room is empty for somebody who is in none. Visit is another one for each
	// connection.
	Person struct {
		Username string `json:"username"`
		Room     string `json:"room"`
		Visit    string `json:"visit"`
	}

	// Users says who is in a room, sorted by name.
	Users struct {
		Room  string `json:"room"`
		Users []User `json:"users"`
	}

	// Movement is the payload of Joined and Left.
	Movement struct {
		From   string `json:"from"`
		FromID string `json:"fromId"`
		Room   string `json:"room"`
	}

	// TypingUser is the payload of Typing. Room is empty if it is to one person.
	TypingUser struct {
		From   string `json:"from"`
		FromID string `json:"fromId"`
		Room   string `json:"room"`
	}

	// NameChange is the payload of Renamed; From is the old name. Room is empty for somebody who is in none.
	NameChange struct {
		From     string `json:"from"`
		FromID   string `json:"fromId"`
		Username string `json:"username"`
		Room     string `json:"room"`
	}

	// Line is one message that was said in a room.
	Line struct {
		Room   string    `json:"room"`
		Seq    int64     `json:"seq"`
		From   string    `json:"from"`
		FromID string    `json:"fromId"`
		Text   string    `json:"text"`
		At     time.Time `json:"at"`
	}

	// RoomLines is the answer to History.
	RoomLines struct {
		Room     string `json:"room"`
		Messages []Line `json:"messages"`
	}

	// PrivateLine is one private message.
	PrivateLine struct {
		From   string    `json:"from"`
		FromID string    `json:"fromId"`
		To     string    `json:"to"`
		Text   string    `json:"text"`
		At     time.Time `json:"at"`
	}

	// RoomRow is one row of the room list. Last is the seq of its last message; it is left out where nothing was said
	// yet, and in a RoomChanged that is only about who is there.
	RoomRow struct {
		Name  string `json:"name"`
		Users int    `json:"users"`
		Last  int64  `json:"last,omitempty"`
	}

	// Rooms is the answer to ListRooms, sorted by name.
	Rooms struct {
		Rooms []RoomRow `json:"rooms"`
	}
)

// checkText returns an error for the client if nobody may say that.
func checkText(text string) error {
	if strings.TrimSpace(text) == "" {
		return wsgate.Errorf(wsgate.Invalid, "text is empty")
	}
	if n := utf8.RuneCountInString(text); n > maxText {
		return wsgate.Errorf(wsgate.Invalid, "text has at most %d characters, not %d", maxText, n)
	}
	return nil
}

// checkName returns the name of a person or a room without the spaces around it, or an error for the client. field is
// what the client calls it.
func checkName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	if !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsPrint(r) && r != ' ' }) { // nothing to see
		return "", wsgate.Errorf(wsgate.Invalid, "%s is empty", field)
	}
	if n := utf8.RuneCountInString(name); n > maxName {
		return "", wsgate.Errorf(wsgate.Invalid, "%s has at most %d characters, not %d", field, maxName, n)
	}
	if strings.ContainsFunc(name, unfit) {
		return "", wsgate.Errorf(wsgate.Invalid, "%s has control characters or line breaks", field)
	}
	return name, nil
}

// unfit reports whether a character does something to the text around a name: it breaks the line, or turns it around.
func unfit(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}
