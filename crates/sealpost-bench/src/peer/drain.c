/* Reads a query's rows with the C client, unbuffered, and throws them away: the floor for every client of the server.
 *
 * usage: drain HOST PORT USER DATABASE QUERY, password in MYSQL_PWD. Prints the number of rows.
 * Declared here rather than included, so that no development package is needed; the ABI is libmariadb.so.3's. */
#include <stdio.h>
#include <stdlib.h>

typedef struct st_mysql MYSQL;
typedef struct st_mysql_res MYSQL_RES;
typedef char **MYSQL_ROW;

MYSQL *mysql_init(MYSQL *);
int mysql_options(MYSQL *, int, const void *);
MYSQL *mysql_real_connect(MYSQL *, const char *, const char *, const char *, const char *, unsigned int, const char *, unsigned long);
int mysql_query(MYSQL *, const char *);
MYSQL_RES *mysql_use_result(MYSQL *);
MYSQL_ROW mysql_fetch_row(MYSQL_RES *);
unsigned int mysql_errno(MYSQL *);
const char *mysql_error(MYSQL *);
void mysql_free_result(MYSQL_RES *);
void mysql_close(MYSQL *);

enum { SET_CHARSET_NAME = 7 };

int main(int count, char **argument) {
    if (count != 6) {
        fprintf(stderr, "usage: drain HOST PORT USER DATABASE QUERY\n");
        return 2;
    }
    MYSQL *connection = mysql_init(NULL);
    mysql_options(connection, SET_CHARSET_NAME, "utf8mb4");
    unsigned int port = (unsigned int)atoi(argument[2]);
    MYSQL_RES *result = NULL;
    unsigned long rows = 0;
    if (mysql_real_connect(connection, argument[1], argument[3], getenv("MYSQL_PWD"), argument[4], port, NULL, 0) &&
        mysql_query(connection, argument[5]) == 0 && (result = mysql_use_result(connection)) != NULL)
        while (mysql_fetch_row(result) != NULL)
            rows++;
    if (mysql_errno(connection) != 0) {
        fprintf(stderr, "%s\n", mysql_error(connection));
        return 1;
    }
    mysql_free_result(result);
    mysql_close(connection);
    printf("%lu\n", rows);
    return 0;
}
