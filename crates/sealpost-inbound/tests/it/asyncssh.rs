//! asyncssh: many transfers and sessions at once, limits, fsync.

use crate::Site;

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_on_one_connection_do_not_mix() {
    let site = Site::start().await;
    site.python(
        r#"
import asyncio, asyncssh, os, sys
port, folder = int(sys.argv[1]), sys.argv[2]
async def main():
    async with asyncssh.connect("127.0.0.1", port, username="acme", client_keys=[f"{folder}/id"],
                                known_hosts=None, config=None) as connection:
        async def carry(number):
            data = os.urandom(1_500_000 + number)
            open(f"{folder}/up{number}", "wb").write(data)
            async with connection.start_sftp_client() as sftp:
                assert sftp.limits.max_write_len > 200_000, sftp.limits
                assert sftp.supports_remote_copy is False
                await sftp.put(f"{folder}/up{number}", f".part{number}", max_requests=64)
                async with sftp.open(f".part{number}", "r+b") as file:
                    await file.fsync()
                await sftp.rename(f".part{number}", f"done{number}")
                await sftp.get(f"done{number}", f"{folder}/down{number}")
            assert open(f"{folder}/down{number}", "rb").read() == data
        await asyncio.gather(*[carry(number) for number in range(8)])
        # A session that ends gives its place back.
        for _ in range(15):
            async with connection.start_sftp_client() as sftp:
                assert len(await sftp.listdir()) == 8
        # Ten at once and no more, as OpenSSH.
        held = [await connection.start_sftp_client() for _ in range(10)]
        try:
            await connection.start_sftp_client()
        except asyncssh.ChannelOpenError:
            return
        raise SystemExit("an eleventh session")
asyncio.run(main())
"#,
    )
    .await;
    assert_eq!(crate::names(&site.home()).len(), 8);
}
