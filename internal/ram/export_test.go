package ram

var (
	Cgroups = cgroups
	Least   = least
)
