// Command kopru-connector-sql is the connector for databases: PostgreSQL, MySQL, MariaDB, SQL Server and SQLite.
package main

import (
	"github.com/kopru-io/kopru/plugins/sdk"
	"github.com/kopru-io/kopru/plugins/sql"
)

func main() { sdk.Serve(sql.New()) }
