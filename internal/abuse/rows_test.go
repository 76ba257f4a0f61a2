package abuse

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A row is one kind of bad input or fault.
type row struct {
	n     int
	what  string
	tests string // of this package
	other string // the directory whose tests hold it, from the root of the module
	not   string // what of it is not tested, and why
}

// The part of a row that waits for something which does not exist.
const (
	perUser  = "there is no notion of a user"
	presence = "there is no presence"
	brokers  = "there are no brokers"
	nodes    = "there is one node"
)

// rows is the whole list: A the handshake, B frames, C envelopes and payloads, D rooms, E peers and networks, F the server
// itself, G brokers.
var rows = []row{
	// A
	{1, "bytes that are not HTTP, TLS on the plain port", "TestNotHTTP", "", ""},
	{2, "headers that come byte by byte, from a thousand clients", "TestHeaderTimeout", "", ""},
	{3, "connections on which nothing comes", "TestHeaderTimeout", "", "no limit per address"},
	{4, "an upgrade with a body that never comes or never ends", "TestUpgradeWithBody", "", ""},
	{5, "headers that are too large or too many", "TestLargeHeaders", "", ""},
	{6, "HTTP/1.0, no Host or two, absolute URI, malformed request lines", "TestRequestLine", "", ""},
	{7, "bad keys and versions of the protocol", "TestKeyAndVersion", "", ""},
	{8, "other methods, and requests that are no upgrade", "TestMethods", "", ""},
	{9, "subprotocols: none, unknown, many, malformed", "TestSubprotocols", "", ""},
	{10, "extensions: unknown, many, malformed, contradictory", "TestExtensions TestCompressionOffers", "", ""},
	{11, "origins: absent, null, look-alikes, duplicates", "TestOrigins", "", ""},
	{12, "tokens that are wrong or monstrous", "TestTokens", "", "what is in a token is the application's"},
	{13, "an upgrade hook that blocks, panics, or loses its client", "TestUpgradeHook", "", ""},
	{14, "path tricks, and very long paths and queries", "TestPaths", "", ""},
	{15, "forged headers about the client's address", "TestForwardedFor", "", ""},
	{16, "very many connections at once, and no file left for one", "TestConnectionStorm TestOutOfFiles", "", "no limit per address"},
	{17, "an upgrade while the App shuts down", "TestUpgradeDuringShutdown", "", ""},
	{18, "frames in the same segment as the handshake", "TestPipelinedFrames", "", ""},
	{19, "a client that is gone before OnOpen", "TestGoneBeforeOpen", "", ""},
	{20, "one user who connects a hundred times", "", "", perUser},
	// B
	{21, "unmasked frames", "TestUnmaskedFrames TestMessagesBeforeViolations TestFramesOverTLS", "", ""},
	{22, "reserved bits and opcodes, bad control frames, bad fragments", "TestMalformedFrames TestFramesOverTLS", "", ""},
	{23, "lengths of 2^63 and 4 GiB, then silence", "TestLengths TestFramesOverTLS", "", ""},
	{24, "lengths in a longer form than they need", "TestLongFormsOfLengths", "", ""},
	{25, "messages at the limit, in whatever frames", "TestMessageLimit", "", ""},
	{26, "endless empty and tiny fragments", "TestEndlessFragments", "", ""},
	{27, "text that is not UTF-8, split anywhere", "TestUTF8", "", ""},
	{28, "close frames with all kinds of codes and reasons", "TestCloseFrames", "", ""},
	{29, "floods of pings and pongs", "TestControlFlood", "", ""},
	{30, "more after a close frame, from either side", "TestAfterClose", "", ""},
	{31, "a close that is answered by a frame without an end", "TestDribbleAfterClose TestDribbleDuringShutdown TestNetworkOverTLS", "", ""},
	{32, "one byte per segment", "TestOneByteSegments", "", ""},
	{33, "a split at every offset", "TestEverySplit", "", ""},
	{34, "binary where text is expected, and the other way round", "TestUnexpectedTypes", "", ""},
	{35, "compression: not negotiated, bombs, streams of nothing, corrupt, cut", "TestCompressionWithoutNegotiation TestBadCompression TestGoodCompression TestCompressedNothing TestManyBombs", "", ""},
	{36, "control frames between fragments", "TestControlFramesInsideMessages", "", ""},
	{37, "random bytes, and sessions with a few wrong ones", "TestRandomBytes", "", ""},
	// C
	{38, "JSON that is no envelope", "", ".", ""},
	{39, "trailing data, two documents, a byte order mark", "", ".", ""},
	{40, "duplicate keys, and keys in another case", "", ".", ""},
	{41, "deep nesting", "", ".", ""},
	{42, "very many tiny values", "", ".", ""},
	{43, "numbers out of range", "", ".", ""},
	{44, "strings with NUL and lone surrogates, long keys", "", ".", ""},
	{45, "names of events: unknown, empty, long, reserved", "", ".", ""},
	{46, "ids: missing, duplicate, of a wrong type", "", ".", ""},
	{47, "payloads with missing, surplus and wrong fields", "", ".", ""},
	{48, "answers that cannot be encoded", "", ".", ""},
	{49, "binary encodings that announce too much", "", "", "JSON is the only encoding"},
	// D
	{50, "names of rooms that mean something to a broker or a terminal", "", ".", ""},
	{51, "too many rooms, and joining twice", "", ".", ""},
	{52, "rooms without permission", "", "", "who may join is the application's"},
	{53, "a room of one, of very many, with a member that stalls", "TestStalledMember", ".", ""},
	{54, "a storm of broadcasts from one client", "", "", "there is no limit on the rate of messages"},
	{55, "leaving, closing and sending from within hooks", "", ".", ""},
	{56, "the last one leaves while the first one joins", "", ".", ""},
	{57, "one user with many connections, some of which crash", "", "", presence},
	// E
	{58, "a peer that stops reading while its room is busy", "TestStalledMember TestSlowReader TestSlowReaderHearsWhy", "", ""},
	{59, "a peer that reads 1 KB/s", "TestSlowReader TestLeavesWithoutReading", "", ""},
	{60, "a black hole: idle, while writing, while closing", "TestBlackHole TestNetworkOverTLS", "", ""},
	{61, "a reset at every moment", "TestReset TestLeavingOverTLS", "", ""},
	{62, "a half-close, also inside a message", "TestHalfClose TestLeavingOverTLS TestHalfCloseInsideCompressedMessage", "", ""},
	{63, "latency, loss, tiny segments", "TestPoorNetwork", "", ""},
	{64, "a client whose process is stopped", "TestStoppedClient", "", "there is no recovery for its return"},
	{65, "very many leave at once", "TestMassDisconnect", "", ""},
	{66, "very many come back at once", "TestReconnectStorm", "", ""},
	{67, "clocks that jump", "", "", "every limit is measured by the monotonic clock, which a test cannot set"},
	// F
	{68, "panics of every kind, and runtime.Goexit", "", ".", ""},
	{69, "handlers that block and ignore their context", "", ".", ""},
	{70, "a handler that sends without end", "TestSlowReader", ".", ""},
	{71, "constructors, middleware and hooks that fail or panic", "", ".", ""},
	{72, "sending to and closing what is closed, from everywhere", "", ".", ""},
	{73, "shutdown when idle, loaded, twice, with bad clients", "TestDribbleDuringShutdown TestUpgradeDuringShutdown", ".", ""},
	{74, "a node that is killed", "", "", nodes},
	{75, "a node that is stopped and goes on", "", "", nodes},
	{76, "no file descriptors left", "TestOutOfFiles", "", ""},
	{77, "one processor, little memory", "", "", "tests of other packages load the machine, and tell nothing about this"},
	{78, "configurations that make no sense", "", ".", ""},
	// G
	{79, "a broker that is not there at the start", "", "", brokers},
	{80, "a broker that is killed under load", "", "", brokers},
	{81, "a partition between a node and its broker", "", "", brokers},
	{82, "failovers and refusals of a broker", "", "", brokers},
	{83, "garbage on a broker's subjects", "", "", brokers},
	{84, "a node's own messages, and two nodes with one id", "", "", brokers},
	{85, "a subscription that fails", "", "", brokers},
	{86, "a request to other nodes of which one hangs", "", "", brokers},
}

// Every row is held by a test that exists, or says why it is not; and every test is in a row.
func TestRows(t *testing.T) {
	const count = 86
	unlisted := testNames(t)
	delete(unlisted, "TestRows")
	known := testNames(t)
	for i, r := range rows {
		if r.n != i+1 {
			t.Errorf("row %d stands at %d", r.n, i+1)
		}
		if r.what == "" || r.tests == "" && r.other == "" && r.not == "" {
			t.Errorf("row %d is empty", r.n)
		}
		for _, name := range strings.Fields(r.tests) {
			if !known[name] {
				t.Errorf("row %d: there is no %s", r.n, name)
			}
			delete(unlisted, name)
		}
		if r.other != "" {
			if files, err := filepath.Glob(filepath.Join("..", "..", r.other, "*_test.go")); err != nil || len(files) == 0 {
				t.Errorf("row %d: there are no tests in %s", r.n, r.other)
			}
		}
	}
	if len(rows) != count {
		t.Errorf("%d rows, want %d", len(rows), count)
	}
	for name := range unlisted {
		t.Errorf("%s is in no row", name)
	}
}

// testNames returns the tests of this package.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
